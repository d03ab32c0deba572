"""Trains nano-bert: toxicity in BERT's form, the default judge of detoxified text.

    python -m training.bert_scorer --data data --work /tmp/detoxq-training --out models/nano-bert

needs `encoder/` (training.encoder) in the work folder. It owes nothing to nano-roberta: hard labels alone, no teacher's;
the judges' Jigsaw rows, which the detoxifier never sees; other weights to start from, other pieces, another seed.
"""

from __future__ import annotations

import random

import numpy as np
import torch

from training.authored import authored_pairs, clean_comments
from training.bert import encoder_folder
from training.classifier import LabelledSet, Sample, export, fine_tune
from training.command_line import training_parser
from training.corpora import Corpora
from training.disguise import disguise_text
from training.loop import Schedule
from training.scorer_samples import CONTRACTIONS, SURE, UNSURE, swear_words
from training.wordpiece import prepare_wordpiece

SEED = 47
SCHEDULE = Schedule(steps=400, batch=48, learning_rate=4e-4, warm_up=40)
LABELS = {0: "neutral", 1: "toxic"}
JIGSAW_SURE, JIGSAW_UNSURE = 0.95, 0.05  # its labels are noisy


class JudgeSamples:
    """50 % Jigsaw rows of the judges, 30 % ParaDetox training pairs, 9 % hand-written ones, 3 % clean comments, 8 %
    WordNet sentences; a tenth are two at once, a sixth have their swear words disguised."""

    def __init__(self, corpora: Corpora) -> None:
        self.rng = random.Random(SEED)
        self.jigsaw = corpora.jigsaw_judges
        self.paradetox = corpora.pairs_train
        self.pairs, self.clean = authored_pairs()[0], clean_comments()[0]
        self.examples = corpora.neutral_pools["examples"]
        self.lexicon = swear_words(corpora)

    def reseed(self, block: int) -> None:
        self.rng.seed(f"judge-{block}")

    def one(self) -> tuple[str, float]:
        rng, luck = self.rng, self.rng.random()
        toxic = rng.random() < 0.5
        if luck < 0.50:
            text, label = rng.choice(self.jigsaw)
            if rng.random() < 0.3:
                text = " ".join(CONTRACTIONS.get(word, word) for word in text.split())
            return text, JIGSAW_SURE if label else JIGSAW_UNSURE
        if luck < 0.80:
            pair = rng.choice(self.paradetox)
            return (pair.toxic, SURE) if toxic else (rng.choice(pair.neutral), UNSURE)
        if luck < 0.89:
            pair = rng.choice(self.pairs)
            return (pair[0], SURE) if toxic else (pair[1], UNSURE)
        return (rng.choice(self.clean), UNSURE) if luck < 0.92 else (rng.choice(self.examples), UNSURE)

    def draw(self) -> Sample:
        rng = self.rng
        text, p = self.one()
        if rng.random() < 0.10:
            other, q = self.one()
            text, p = f"{text} {other}", max(p, q)
        if rng.random() < 0.15 and text[-2:] in (" .", " !"):
            text = text[:-2]
        luck = rng.random()
        if luck < 0.16:
            text = disguise_text(text, rng, self.lexicon, 0.8, 0.04)
        elif luck < 0.20:
            text = disguise_text(text, rng, self.lexicon, 0.0, 0.15)
        return text.split(), p, None


def labelled(rows: list[tuple[str, int]]) -> LabelledSet:
    return [text for text, _ in rows], np.array([label for _, label in rows])


def held_sets(corpora: Corpora, part: str) -> dict[str, LabelledSet]:
    """Jigsaw and ParaDetox rows of the `dev` or the `test` part, and Jigsaw's with its swear words disguised."""
    jigsaw = corpora.jigsaw_dev if part == "dev" else corpora.jigsaw_test
    pairs = corpora.pairs_dev if part == "dev" else corpora.pairs_test
    rng, lexicon = random.Random(SEED), swear_words(corpora)
    hidden = [(disguise_text(text, rng, lexicon, 1.0, 0.03), label) for text, label in jigsaw]
    both = [(pair.toxic, 1) for pair in pairs] + [(pair.neutral[0], 0) for pair in pairs]
    return {"jigsaw": labelled(jigsaw), "disguised": labelled(hidden), "paradetox": labelled(both)}


def main() -> None:
    options = training_parser(__doc__, out="models/nano-bert").parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    tokenizer = prepare_wordpiece(corpora, options.work)
    model = fine_tune(
        "judge", LABELS, JudgeSamples(corpora), tokenizer, SCHEDULE, SEED, held_sets(corpora, "dev"),
        encoder_folder(options.work), options.work,
    )  # fmt: skip
    export(model, options.work, options.out)


if __name__ == "__main__":
    main()
