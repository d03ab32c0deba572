"""New text for the scorer's second stage, and a teacher that labels any text: no sentence of it was ever written.

    python -m training.recombine --data ../shared/data --work /tmp/detoxq-training --scorer models/nano-roberta

writes `refine_labels.json`: {"jigsaw": [[text, probability], …], "made": [[text, probability], …]}.

Teacher: an n-gram regression on Jigsaw rows and, with less weight, ParaDetox pairs, and the scorer of the first stage;
their logits are added with weights fitted on the rows kept for choices. Real rows are labelled by a regression that has not
seen them (three folds), and half by their own label; made ones by the regression on all rows: what it thinks of their words
is what the scorer is to learn.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from training.corpora import Corpora, Labelled
from training.decode import Scorer
from training.ngrams import NgramModel, fit_ngrams

SEED = 61
FOLDS = 3
MADE = 24_000
HARD = 0.5  # weight of a real row's own label
PAIR_WEIGHT = 0.3  # of a ParaDetox sentence in the regression, against 1 for a Jigsaw row
BREAKS = set(". , ; : ! ? - and but so because".split())


def cut(words: list[str], rng: random.Random) -> int:
    """A place to cut: after a mark or before a conjunction where there is one, else anywhere."""
    places = [i for i in range(1, len(words)) if words[i - 1] in BREAKS]
    return rng.choice(places) if places and rng.random() < 0.6 else rng.randrange(1, max(2, len(words)))


def recombined(rows: list[str], others: list[str], count: int, rng: random.Random) -> list[str]:
    """Splices of two rows, rows with some words of other rows put over theirs, fragments of three rows in a line, and
    other sentences with words of the rows."""
    words = [word for row in rows for word in row.split()]
    out = []
    for _ in range(count):
        luck, first = rng.random(), rng.choice(rows).split()
        if luck < 0.40:
            second = rng.choice(rows).split()
            made = first[: cut(first, rng)] + second[cut(second, rng) :]
        elif luck < 0.75:
            share = rng.uniform(0.1, 0.5)
            made = [rng.choice(words) if rng.random() < share else word for word in first]
        elif luck < 0.88:
            made = []
            for _ in range(3):
                part = rng.choice(rows).split()
                start = rng.randrange(max(1, len(part) - 5))
                made += part[start : start + rng.randint(3, 7)]
        else:
            share = rng.uniform(0.1, 0.4)
            made = [rng.choice(words) if rng.random() < share else word for word in rng.choice(others).split()]
        out.append(" ".join(made[:40]))
    return out


def logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-5, 1 - 1e-5)
    return np.log(p / (1 - p))


def regression(rows: list[Labelled], pairs: list[Labelled]) -> NgramModel:
    weights = np.array([1.0] * len(rows) + [PAIR_WEIGHT] * len(pairs))
    both = rows + pairs
    return fit_ngrams([text for text, _ in both], np.array([label for _, label in both]), weights)


def make_labels(corpora: Corpora, scorer: Scorer) -> dict[str, list[tuple[str, float]]]:
    rng = random.Random(SEED)
    rows = corpora.jigsaw_train + corpora.jigsaw_judges
    pairs = [row for pair in corpora.pairs_train for row in ((pair.toxic, 1), (pair.neutral[0], 0))]
    full = regression(rows, pairs)
    dev, truth = [text for text, _ in corpora.jigsaw_dev], [label for _, label in corpora.jigsaw_dev]
    by_ngrams, by_scorer = logit(full.predict(dev)), logit(scorer.toxicity(dev))
    blend = LogisticRegression(C=10).fit(np.stack([by_ngrams, by_scorer], 1), truth)
    (a, b), c = blend.coef_[0], blend.intercept_[0]
    print(f"dev AUC: n-grams {roc_auc_score(truth, by_ngrams):.4f}, scorer {roc_auc_score(truth, by_scorer):.4f}, "
          f"teacher {roc_auc_score(truth, a * by_ngrams + b * by_scorer):.4f}; weights {a:.2f} {b:.2f} {c:.2f}", flush=True)

    made = recombined([text for text, _ in rows], corpora.neutral_pools["examples"], MADE, rng)
    z = a * logit(full.predict(made)) + b * logit(scorer.toxicity(made)) + c
    folds, unseen = np.array([rng.randrange(FOLDS) for _ in rows]), np.zeros(len(rows))
    for fold in range(FOLDS):
        model = regression([rows[i] for i in np.flatnonzero(folds != fold)], pairs)
        mine = np.flatnonzero(folds == fold)
        unseen[mine] = model.predict([rows[i][0] for i in mine])
    labels = np.array([label for _, label in rows])
    print(f"n-grams out of fold: AUC {roc_auc_score(labels, unseen):.4f}", flush=True)
    soft = HARD * labels + (1 - HARD) / (1 + np.exp(-(a + b) * logit(unseen) - c))
    pack = lambda texts, values: [(text, round(float(p), 4)) for text, p in zip(texts, values, strict=True)]
    return {"jigsaw": pack([text for text, _ in rows], soft), "made": pack(made, 1 / (1 + np.exp(-z)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, default=Path("models/nano-roberta"), help="the scorer of the first stage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    labels = make_labels(Corpora(options.data), Scorer(options.scorer))
    (options.work / "refine_labels.json").write_text(json.dumps(labels), encoding="utf8")


if __name__ == "__main__":
    main()
