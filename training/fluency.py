"""Trains nano-fluency: is a sentence acceptable English? Label 1 if so, as in CoLA; the default judge of fluency.

    python -m training.fluency --data data --work /tmp/detoxq-training --out models/nano-fluency

It starts from two layers of MiniLM (training.short_minilm) and learns to tell sentences as people wrote them, rude and civil
alike, from the same spoilt as rewriters spoil them (training.faults).
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch

from training.authored import authored_pairs, clean_comments
from training.classifier import LabelledSet, Sample, export, fine_tune
from training.command_line import training_parser
from training.corpora import Corpora, Pair
from training.faults import Faults
from training.judges import corrupt
from training.loop import Schedule
from training.pairs import headless
from training.scorer_samples import CONTRACTIONS, swear_words
from training.short_minilm import prepare_short_minilm
from training.templates import Templates

SEED = 53
SCHEDULE = Schedule(steps=650, batch=48, learning_rate=3e-4, warm_up=40)
LABELS = {0: "unacceptable", 1: "acceptable"}
GOOD, BAD = 0.96, 0.03
CASES = Path("test/fixtures/fluency-cases.jsonl")


def vocabulary_of(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.split() if word[:1].isalpha()]


class FluencySamples:
    """Half real, half spoilt: 27 % ParaDetox sources and paraphrases, 25 % Jigsaw, 18 % hand-written, 5 % grammar of
    insults, 25 % WordNet examples. Of ParaDetox's paraphrases only those that leave no determiner without its noun."""

    def __init__(self, corpora: Corpora) -> None:
        self.rng = random.Random(SEED)
        self.paradetox = [pair.toxic for pair in corpora.pairs_train]
        self.paradetox += [text for pair in corpora.pairs_train for text in pair.neutral if not headless(pair.toxic, text)]
        self.jigsaw = [text for text, _ in corpora.jigsaw_train + corpora.jigsaw_judges]
        self.own = [text for pair in authored_pairs()[0] for text in pair] + clean_comments()[0]
        self.examples = corpora.neutral_pools["examples"]
        self.templates = Templates(self.rng)
        words = vocabulary_of(self.paradetox[::3] + self.jigsaw[::3] + self.own)
        self.faults = Faults(self.rng, words, swear_words(corpora))

    def reseed(self, block: int) -> None:
        self.rng.seed(f"fluency-{block}")

    def sentence(self) -> str:
        rng, luck = self.rng, self.rng.random()
        if luck < 0.27:
            return rng.choice(self.paradetox)
        if luck < 0.52:
            text = rng.choice(self.jigsaw)
            if rng.random() < 0.6:
                return " ".join(CONTRACTIONS.get(word, word) for word in text.split())
            return text
        if luck < 0.70:
            return rng.choice(self.own)
        return self.templates.sentence()[rng.randrange(2)] if luck < 0.75 else rng.choice(self.examples)

    def draw(self) -> Sample:
        text = self.sentence()
        if self.rng.random() < 0.15 and text[-2:] in (" .", " !"):
            text = text[:-2]
        if self.rng.random() < 0.5:
            words = text.split()
            return words, GOOD, [False] * len(words)
        words, flags = self.faults.spoil(text)
        return words, BAD if any(flags) else GOOD, flags


def pair_set(texts: list[str], spoil) -> LabelledSet:
    """`texts` as they are, and spoilt."""
    spoilt = [(text, broken) for text in texts if (broken := spoil(text)) != text and broken]
    rows = [text for pair in spoilt for text in pair]
    return rows, np.array([1, 0] * len(spoilt))


def held_sets(corpora: Corpora, part: str) -> dict[str, LabelledSet]:
    """Unseen sentences against the same with plain faults (training.judges) and with those of rewriters."""
    pairs: list[Pair] = corpora.pairs_dev if part == "dev" else corpora.pairs_test
    jigsaw = corpora.jigsaw_dev if part == "dev" else corpora.jigsaw_test
    texts = [text for pair in pairs[:400] for text in (pair.toxic, pair.neutral[0])] + [text for text, _ in jigsaw[:400]]
    texts = [text for text in texts if 4 <= len(text.split()) <= 30]
    rng, words = random.Random(SEED + 1), vocabulary_of(texts)
    faults = Faults(rng, words, swear_words(corpora))
    own = [text for pair in authored_pairs()[1] for text in pair]
    return {
        "plain faults": pair_set(texts, lambda text: corrupt(text, rng, words)),
        "rewriters' faults": pair_set(texts, lambda text: " ".join(faults.spoil(text)[0])),
        "hand-written sentences, rewriters' faults": pair_set(own, lambda text: " ".join(faults.spoil(text)[0])),
    }


def case_set() -> LabelledSet:
    rows = [json.loads(line) for line in CASES.read_text(encoding="utf8").splitlines()]
    return [row["text"] for row in rows], np.array([row["acceptable"] for row in rows], dtype=int)


def main() -> None:
    options = training_parser(__doc__, out="models/nano-fluency").parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    samples, body = FluencySamples(corpora), options.work / "short-minilm"
    tokenizer = prepare_short_minilm(samples.paradetox + samples.jigsaw + samples.own * 3 + samples.examples, body)
    model = fine_tune(
        "fluency", LABELS, samples, tokenizer, SCHEDULE, SEED, held_sets(corpora, "dev"), body, options.work
    )
    export(model, body, options.out)


if __name__ == "__main__":
    main()
