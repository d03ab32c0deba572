"""Sentences spoilt as rewriters spoil them, with the place of each fault.

A sentence is a list of words and a flag for each: whether the fault shows there. A word that is lost shows at the word
after it (or at the last word, where there is none).
"""

from __future__ import annotations

import random

import regex

from training.pairs import ENDS, OPENERS

PLAIN = regex.compile("[a-z][a-z'-]+")
# What the detoxifier puts in, also where it does not fit.
STOCK = [
    phrase.split()
    for phrase in (
        "not thinking clearly|not a nice person|a bad person|not good|not a good person|unkind|not smart|that was unkind|"
        "people|person|bad|not helpful|stop talking|leave me alone|made a mistake|not wise|wrong"
    ).split("|")
]
AGREEMENT = {
    "is": "are", "are": "is", "was": "were", "were": "was", "has": "have", "have": "has", "do": "does", "does": "do",
    "don't": "doesn't", "doesn't": "don't", "isn't": "aren't", "a": "an", "an": "a", "this": "these", "these": "this",
    "i": "me", "he": "him", "they": "them", "we": "us", "my": "me", "their": "they", "your": "you", "to": "too",
}  # fmt: skip
FUNCTION = (
    "a an the to of in on at for with and or but if is are was be has had will would can it he she they we you his her "
    "their that this not no so as by from"
).split()
PREPOSITIONS = set("to of in on at for with by from about into over".split())

Words = list[str]
Flags = list[bool]


class Faults:
    """Seeded source of spoilt sentences."""

    def __init__(self, rng: random.Random, vocabulary: list[str], lexicon: set[str]) -> None:
        self.rng, self.vocabulary, self.lexicon = rng, vocabulary, lexicon

    def lose(self, words: Words, flags: Flags, start: int, end: int) -> None:
        """Takes words `start` to `end - 1` out and flags what follows."""
        del words[start:end], flags[start:end]
        if words:
            flags[min(start, len(words) - 1)] = True

    def lose_head(self, words: Words, flags: Flags) -> bool:
        """`the old house is` -> `the old is`, `such an idiot , kevin` -> `such an , kevin`."""
        places = [
            i
            for i in range(1, len(words))
            if PLAIN.fullmatch(words[i])
            and words[i] not in ENDS
            and words[i] not in OPENERS
            and (i + 1 == len(words) or words[i + 1] in ENDS)
            and (words[i - 1] in OPENERS or (i > 1 and words[i - 2] in OPENERS and PLAIN.fullmatch(words[i - 1])))
        ]
        if not places:
            return False
        at = self.rng.choice(places)
        self.lose(words, flags, at, at + 1)
        return True

    def lose_swearing(self, words: Words, flags: Flags) -> bool:
        """`what idiot approved this` -> `what approved this`, `you lying piece of shit` -> `you lying`: the swear word
        and, now and then, its neighbour go, where it is no mere intensifier (something that ends a phrase follows)."""
        places = [
            i
            for i, word in enumerate(words)
            if word in self.lexicon and i and (words[i - 1] in OPENERS or words[i - 1] in ("what", "which", "you"))
            and (i + 1 == len(words) or words[i + 1] in ENDS or words[i - 1] in ("what", "which"))
        ]  # fmt: skip
        if not places or len(words) < 4:
            return False
        at = self.rng.choice(places)
        self.lose(words, flags, at, at + 1)
        return True

    def lose_any(self, words: Words, flags: Flags) -> bool:
        """A function word more often than another; never a mark."""
        places = [i for i, word in enumerate(words) if PLAIN.fullmatch(word) or word in ("a", "i")]
        small = [i for i in places if words[i] in FUNCTION]
        if self.rng.random() < 0.6 and small:
            places = small
        if len(words) < 4 or not places:
            return False
        at = self.rng.choice(places)
        self.lose(words, flags, at, at + (2 if self.rng.random() < 0.15 else 1))
        return True

    def repeat(self, words: Words, flags: Flags) -> bool:
        """One to four words come twice, now and then with `and` or a comma between."""
        length = self.rng.choice([1, 1, 2, 2, 3, 4])
        if len(words) < length + 1:
            return False
        start = self.rng.randrange(len(words) - length + 1)
        phrase = words[start : start + length]
        if not any(map(PLAIN.fullmatch, phrase)):
            return False
        between = self.rng.choice([[], [], [], ["and"], [","]])
        words[start:start] = phrase + between
        flags[start:start] = [False] * (length + len(between))
        for at in range(start + length, start + 2 * length + len(between)):
            flags[at] = True
        return True

    def put_over(self, words: Words, flags: Flags) -> bool:
        """A wrong word, or a stock phrase, in the place of another or beside it."""
        places = [i for i, word in enumerate(words) if PLAIN.fullmatch(word)]
        if not places:
            return False
        at, luck = self.rng.choice(places), self.rng.random()
        if luck < 0.40:
            new = [self.rng.choice(self.vocabulary)]
        elif luck < 0.65:
            new = [self.rng.choice(FUNCTION)]
        else:
            new = self.rng.choice(STOCK)
        if new == [words[at]]:
            return False
        keep = self.rng.random() < 0.4
        words[at : at + (0 if keep else 1)] = new
        flags[at : at + (0 if keep else 1)] = [True] * len(new)
        return True

    def disagree(self, words: Words, flags: Flags) -> bool:
        """`is` for `are`, `a` for `an`, `me` for `i`, an `s` too many or too few."""
        places = [i for i, word in enumerate(words) if word in AGREEMENT]
        ending = [i for i, word in enumerate(words) if len(word) > 3 and PLAIN.fullmatch(word) and word not in FUNCTION]
        if places and (not ending or self.rng.random() < 0.7):
            at = self.rng.choice(places)
            words[at] = AGREEMENT[words[at]]
        elif ending:
            at = self.rng.choice(ending)
            word = words[at]
            words[at] = word[:-1] if word.endswith("s") and not word.endswith("ss") else word + "s"
        else:
            return False
        flags[at] = True
        return True

    def swap(self, words: Words, flags: Flags) -> bool:
        places = [i for i in range(len(words) - 1) if words[i] != words[i + 1] and PLAIN.fullmatch(words[i])]
        if not places:
            return False
        at = self.rng.choice(places)
        words[at], words[at + 1] = words[at + 1], words[at]
        flags[at] = flags[at + 1] = True
        return True

    def cut(self, words: Words, flags: Flags) -> bool:
        """The end goes, after a word that wants more: `you are the .`"""
        places = [i for i, word in enumerate(words[:-2]) if i > 1 and (word in PREPOSITIONS or word in OPENERS)]
        if not places:
            return False
        at = self.rng.choice(places)
        mark = words[-1:] if not PLAIN.fullmatch(words[-1]) else []
        del words[at + 1 :], flags[at + 1 :]
        words += mark
        flags += [True] * len(mark)
        flags[at] = True
        return True

    def spoil(self, text: str) -> tuple[Words, Flags]:
        """One fault, now and then two. Where none can be put, all flags stay false."""
        words = text.split()
        flags = [False] * len(words)
        kinds = (
            (self.lose_head, 0.18), (self.lose_swearing, 0.14), (self.lose_any, 0.22), (self.repeat, 0.09),
            (self.put_over, 0.22), (self.disagree, 0.08), (self.swap, 0.10), (self.cut, 0.05),
        )  # fmt: skip
        for _ in range(self.rng.choice([1, 1, 1, 2])):
            for _ in range(6):
                kind = self.rng.choices([kind for kind, _ in kinds], [share for _, share in kinds])[0]
                if kind(words, flags):
                    break
        if words == text.split():  # two faults may undo each other
            flags = [False] * len(words)
        return words, flags
