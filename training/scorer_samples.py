"""What the scorer is trained on: (text, probability of toxic)."""

from __future__ import annotations

import random
from collections.abc import Callable

import regex

from training.authored import authored_pairs, clean_comments
from training.corpora import Corpora
from training.disguise import disguise_text
from training.noise import Noise
from training.templates import Templates
from training.templates_words import INTENSIFIER, STUPID, STUPID_PLURAL, UNKIND, UNKIND_PLURAL

Sample = tuple[str, float]
MADE = 0.6  # share of made rows among Jigsaw's
SURE, UNSURE = 0.98, 0.02

# Jigsaw has lost its apostrophes; people use them.
CONTRACTIONS = {
    word.replace("'", ""): word
    for word in (
        "don't doesn't didn't can't won't isn't aren't wasn't weren't couldn't wouldn't shouldn't haven't hasn't hadn't "
        "i'm i've you're you've they're they've that's what's there's let's he's it'll you'll they'll we've who's"
    ).split()
}


def swear_words(corpora: Corpora) -> set[str]:
    """Words worth disguising: the mined lexicon and the plain words of the templates' insults."""
    lists = (STUPID, UNKIND, STUPID_PLURAL, UNKIND_PLURAL, INTENSIFIER)
    own = {word for words in lists for word in words if regex.fullmatch("[a-z]{3,}", word)}
    return corpora.lexicon | own


class ScorerSamples:
    """Rows with the labels of training.teacher, and text of which the label is known: hand-written pairs, templates, clean
    comments and WordNet sentences (neutral). 8 % are two to four of these at once (toxic if one is).

    Variations: apostrophes put back into half of the Jigsaw rows, end marks lost, new words put in, swear words
    disguised in a fifth of the samples, other words disguised now and then, so that a disguise alone is no sign."""

    def __init__(self, corpora: Corpora, noise: Noise, labels: dict[str, list[Sample]]) -> None:
        self.noise, self.rng = noise, noise.rng
        self.lexicon = swear_words(corpora)
        self.labels = labels
        self.pairs, _ = authored_pairs()
        self.clean, _ = clean_comments()
        pools = corpora.neutral_pools
        self.examples, self.glosses = pools["examples"], pools["glosses"]
        self.templates = Templates(self.rng)
        self.sources: list[tuple[float, Callable[[], Sample]]] = [
            (0.64, self.jigsaw_row),
            (0.12, lambda: self.rng.choice(self.labels["paradetox"])),
            (0.08, lambda: self.side(self.rng.choice(self.pairs))),
            (0.04, lambda: self.side(self.templates.sentence())),
            (0.05, lambda: (self.rng.choice(self.clean), UNSURE)),
            (0.056, lambda: (self.rng.choice(self.examples), UNSURE)),
            (0.014, lambda: (self.rng.choice(self.glosses), UNSURE)),
        ]

    def reseed(self, block: int) -> None:
        self.rng.seed(f"scorer-{block}")

    def one(self) -> Sample:
        return self.rng.choices([draw for _, draw in self.sources], [share for share, _ in self.sources])[0]()

    def jigsaw_row(self) -> Sample:
        if self.rng.random() < MADE:
            return self.rng.choice(self.labels["made"])
        text, p = self.rng.choice(self.labels["jigsaw"])
        return self.with_apostrophes(text), p

    def side(self, pair: tuple[str, str]) -> Sample:
        return (pair[0], SURE) if self.rng.random() < 0.5 else (pair[1], UNSURE)

    def with_apostrophes(self, text: str) -> str:
        if self.rng.random() < 0.5:
            return text
        return " ".join(CONTRACTIONS.get(word, word) for word in text.split())

    def several(self) -> Sample:
        parts = [self.one() for _ in range(self.rng.choice([2, 2, 3, 4]))]
        if self.rng.random() < 0.4:  # mostly clean ones, with at most one other
            neutral = [part for part in (self.one() for _ in range(12)) if part[1] < 0.15]
            parts = parts[:1] + neutral[:3]
            self.rng.shuffle(parts)
        return " ".join(text for text, _ in parts), max(p for _, p in parts)

    def draw(self) -> Sample:
        rng = self.rng
        text, p = self.several() if rng.random() < 0.08 else self.one()
        if rng.random() < 0.15 and text[-2:] in (" .", " !"):
            text = text[:-2]
        if rng.random() < 0.12:
            text, _ = self.noise.inject(text, text)
        luck = rng.random()
        if luck < 0.20:
            text = disguise_text(text, rng, self.lexicon, 0.8, 0.04)
        elif luck < 0.25:
            text = disguise_text(text, rng, self.lexicon, 0.0, 0.15)
        return text, min(max(p, UNSURE), SURE)
