"""The three data files, in model form, in seeded splits.

ParaDetox: a tenth is the test part (figures of the card, nothing else), 600 pairs the dev part (choices), the rest is
trained on. Jigsaw: 2,500 test rows, 1,500 dev rows, 7,000 rows for the judges, the rest for training; the detoxifier
and its lexicon never see the judges' rows, the scorer does (no figure of the detoxifier alone depends on the scorer).
A training row that equals a test or dev row in model form is dropped.
"""

from __future__ import annotations

import csv
import math
import random
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import regex

from training.model_form import to_model_form

SEED = 20261123
PARADETOX_DEV = 600
JIGSAW_TEST, JIGSAW_DEV, JIGSAW_JUDGES = 2500, 1500, 7000
HAS_LETTER = regex.compile(r"[a-z]")


@dataclass(frozen=True)
class Pair:
    """A toxic sentence and its neutral paraphrases, in model form."""

    toxic: str
    neutral: tuple[str, ...]


Labelled = tuple[str, int]


def read_rows(file: Path, quoted: bool) -> list[list[str]]:
    """The rows of a TSV file without its header."""
    with file.open(encoding="utf8", newline="") as handle:
        if quoted:
            return list(csv.reader(handle, delimiter="\t"))[1:]
        return [line.rstrip("\r\n").split("\t") for line in handle][1:]


class Corpora:
    """All text that training uses, split once and for all by `SEED`."""

    def __init__(self, data: Path) -> None:
        shuffler = random.Random(SEED)
        pairs = []
        for toxic, *neutral in read_rows(data / "paradetox.tsv", quoted=True):
            forms = tuple(dict.fromkeys(to_model_form(text) for text in neutral if text.strip()))
            if forms:
                pairs.append(Pair(to_model_form(toxic), forms))
        shuffler.shuffle(pairs)
        tenth = len(pairs) // 10
        self.pairs_test = pairs[:tenth]
        self.pairs_dev = pairs[tenth : tenth + PARADETOX_DEV]
        rows = [
            (to_model_form(text), int(label)) for text, label in read_rows(data / "jigsaw_labelled.tsv", quoted=False)
        ]
        shuffler.shuffle(rows)
        held_end, dev_end = JIGSAW_TEST, JIGSAW_TEST + JIGSAW_DEV
        self.jigsaw_test, self.jigsaw_dev = rows[:held_end], rows[held_end:dev_end]

        held = {text for text, _ in self.jigsaw_test + self.jigsaw_dev}
        for pair in self.pairs_test + self.pairs_dev:
            held.update((pair.toxic, *pair.neutral))
        self.held_out = held
        self.pairs_train = [
            pair
            for pair in pairs[tenth + PARADETOX_DEV :]
            if pair.toxic not in held and not any(text in held for text in pair.neutral)
        ]
        rest = [row for row in rows[dev_end:] if row[0] not in held]
        self.jigsaw_judges, self.jigsaw_train = rest[:JIGSAW_JUDGES], rest[JIGSAW_JUDGES:]
        wordnet = read_rows(data / "wordnet_text.tsv", quoted=False)
        self.examples = [to_model_form(text) for kind, text in wordnet if kind == "example"]
        self.glosses = [to_model_form(text) for kind, text in wordnet if kind == "gloss"]

    @cached_property
    def lexicon(self) -> set[str]:
        """Words that mark toxic text, by log-odds in the training pairs and in the training rows of Jigsaw."""
        toxic, neutral, rude, civil = Counter(), Counter(), Counter(), Counter()
        for pair in self.pairs_train:
            toxic.update(set(pair.toxic.split()))
            for text in pair.neutral:
                for word in set(text.split()):
                    neutral[word] += 1 / len(pair.neutral)
        for text, label in self.jigsaw_train:
            (rude if label else civil).update(set(text.split()))

        def in_pairs(word: str) -> float:
            return math.log((toxic[word] + 0.5) / (neutral[word] + 0.5))

        def in_rows(word: str) -> float:
            return math.log((rude[word] + 0.5) / (civil[word] + 0.5))

        def is_toxic(word: str) -> bool:
            pairs, rows = in_pairs(word), in_rows(word)
            return (
                (toxic[word] >= 3 and pairs > 1.3 and rows > 0.8)
                or (rude[word] >= 6 and rows > 2.6 and pairs >= 0.4)
                or (toxic[word] >= 5 and pairs > 2.2 and rows > 0)
            )

        return {word for word in set(toxic) | set(rude) if HAS_LETTER.search(word) and is_toxic(word)}

    def jigsaw_lexicon(self, least: float) -> set[str]:
        """Words in six toxic training rows of Jigsaw or more, with log-odds of at least `least`."""
        rude, civil = Counter(), Counter()
        for text, label in self.jigsaw_train:
            (rude if label else civil).update(set(text.split()))
        return {
            word
            for word, count in rude.items()
            if count >= 6 and HAS_LETTER.search(word) and math.log((count + 0.5) / (civil[word] + 0.5)) >= least
        }

    @cached_property
    def neutral_pools(self) -> dict[str, list[str]]:
        """Neutral sentences of 3 to 24 tokens: `chat` (Jigsaw, ParaDetox targets), `examples` and `glosses`."""
        chat = [text for text, label in self.jigsaw_train if label == 0]
        chat += [text for pair in self.pairs_train for text in pair.neutral]
        pools = {}
        for name, texts in (("chat", chat), ("examples", self.examples), ("glosses", self.glosses)):
            pools[name] = sorted({text for text in texts if self.is_plain(text)})
        return pools

    def is_plain(self, text: str) -> bool:
        words = text.split()
        return (
            3 <= len(words) <= 24
            and len(text) < 150
            and text.isascii()
            and text not in self.held_out
            and not any(word in self.lexicon for word in words)
            and sum(c.isalpha() or c == " " for c in text) > 0.8 * len(text)
        )

    @cached_property
    def word_counts(self) -> Counter[str]:
        """How often each word stands in clean text and training pairs."""
        counts: Counter[str] = Counter()
        for texts in self.neutral_pools.values():
            for text in texts:
                counts.update(text.split())
        for pair in self.pairs_train:
            counts.update(pair.toxic.split())
        return counts
