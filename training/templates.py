"""Toxic sentences from a grammar, each with a full grammatical neutral counterpart.

A rule is (toxic, neutral). `{slot}` is filled alike on both sides, or with the two halves of a (toxic, neutral) entry;
`{name}` and `{name2}` draw twice from one list. `a` becomes `an` where it has to. The counterparts follow those of the
hand-written pairs in `authored/`, so that one idiom has one translation:

    vocative insult -> nothing;  "an idiot" -> "not thinking clearly";  "an asshole" -> "not a nice person";
    "this moron" -> "this person";  "some asshole" -> "someone";  "the fuck" -> "on earth" or nothing;
    "shut up" -> "please stop talking";  "fuck off" -> "please leave me alone";  "bullshit" -> "nonsense".
"""

from __future__ import annotations

import random

import regex

from training import templates_words as W
from training.model_form import to_model_form
from training.templates_rules import RULES

SLOT = regex.compile(r"\{([a-z_]+)[0-9]?\}")
BEFORE_VOWEL = regex.compile(r"\b([Aa]) (?=[aeiouAEIOU])(?!one\b|once\b|uni|use|usu|euro)")
BEFORE_CONSONANT = regex.compile(r"\b([Aa])n (?![aeiouAEIOUhf8])")

SLOTS: dict[str, list[W.Entry]] = {
    "stupid": list(W.STUPID),
    "unkind": list(W.UNKIND),
    "stupids": list(W.STUPID_PLURAL),
    "unkinds": list(W.UNKIND_PLURAL),
    "insult": [*W.STUPID, *W.UNKIND],
    "insults": [*W.STUPID_PLURAL, *W.UNKIND_PLURAL],
    "degree": list(W.DEGREE),
    "rude": list(W.RUDE_ADJECTIVE),
    "int": list(W.INTENSIFIER),
    "hell": list(W.THE_HELL),
    "any_hell": list(W.ANY_HELL),
    "curse": list(W.CURSE_NAME),
    "name": list(W.NAME),
    "person": list(W.PERSON),
    "role": list(W.ROLE),
    "group": list(W.GROUP),
    "thing": list(W.THING),
    "things": list(W.PLURAL),
    "adj": list(W.GRADABLE),
    "place": list(W.PLACE),
    "time": list(W.TIME),
    "topic": list(W.TOPIC),
    "did": list(W.VERB_PAST),
    "do": list(W.VERB_BASE),
    "doing": list(W.VERB_ING),
    "clause": list(W.CLAUSE),
}


def neutral_words() -> set[str]:
    """Every word that a neutral side can hold, for the list of known words."""
    texts = [SLOT.sub(" ", neutral) for _, rules in RULES for _, neutral in rules]
    used = {name for _, rules in RULES for _, neutral in rules for name in SLOT.findall(neutral)}
    texts += [entry if isinstance(entry, str) else entry[1] for name in used for entry in SLOTS[name]]
    return {word for text in texts for word in to_model_form(text).split() if word[:1].isalpha()}


def articles(text: str) -> str:
    """`a idiot` -> `an idiot`, `an bad` -> `a bad`."""
    return BEFORE_CONSONANT.sub(r"\1 ", BEFORE_VOWEL.sub(r"\1n ", text))


class Templates:
    """Seeded source of (toxic, neutral) in model form."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.weights = [weight for weight, _ in RULES]
        self.groups = [rules for _, rules in RULES]

    def fill(self, toxic: str, neutral: str) -> tuple[str, str]:
        chosen: dict[str, tuple[str, str]] = {}

        def choose(found: regex.Match[str]) -> str:
            key = found.group()
            if key not in chosen:
                entry = self.rng.choice(SLOTS[found.group(1)])
                chosen[key] = entry if isinstance(entry, tuple) else (entry, entry)
            return chosen[key][0]

        toxic = SLOT.sub(choose, toxic)
        for key, (_, value) in chosen.items():
            neutral = neutral.replace(key, value)
        return articles(toxic), articles(neutral)

    def clause(self) -> tuple[str, str]:
        """One sentence, without an end mark if the rule has none."""
        group = self.rng.choices(self.groups, self.weights)[0]
        return self.fill(*self.rng.choice(group))

    def sentence(self) -> tuple[str, str]:
        """A clause as people write it: alone, addressed to somebody, with a comma clause, with an end mark or none."""
        rng = self.rng
        toxic, neutral = self.clause()
        bare = toxic[-1:] not in ".!?" and neutral[-1:] not in ".!?"
        if bare:
            luck = rng.random()
            if luck < 0.22:
                tail = rng.choice([", ", ", ", ", and ", ", but ", ", because ", "; "]) + rng.choice(W.CLAUSE)
                toxic, neutral = toxic + tail, neutral + tail
            elif luck < 0.32:
                head = rng.choice(W.CLAUSE) + rng.choice([", ", ", and ", ", but ", ", so "])
                toxic, neutral = head + toxic, head + neutral
            elif luck < 0.36:
                opening = rng.choice(["honestly, ", "well, ", "look, ", "seriously, ", "ok ", "lol ", "and ", "no, "])
                toxic, neutral = opening + toxic, opening + neutral
            elif luck < 0.40:
                closing = rng.choice([" lol", " smh", " man", " tbh", " please", ", seriously", " haha"])
                toxic, neutral = toxic + closing, neutral + closing
            end = rng.choice([".", ".", ".", "!", "!", "", "", "..."])
            toxic, neutral = toxic + end, neutral + end
        luck = rng.random()
        if luck < 0.04:
            toxic, neutral = f"@someone {toxic}", f"@someone {neutral}"
        elif luck < 0.08:
            link = rng.choice([" www.example.org", " see www.example.org", " (www.example.org)"])
            toxic, neutral = toxic + link, neutral + link
        return to_model_form(toxic), to_model_form(neutral)
