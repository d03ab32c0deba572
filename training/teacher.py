"""Soft labels for the scorer, of real rows and of made ones.

    python -m training.teacher --data data --work /tmp/detoxq-training

Rows: Jigsaw (training and judges' part) and ParaDetox training pairs (source 1, first paraphrase 0). They are split in two
halves; a pair and its paraphrase share a half. On each half an n-gram regression and a MiniLM classifier are fitted. The
teacher adds up their logits with weights fitted on the Jigsaw rows kept for choices. It labels a real row by the two that
have not seen it, and mixes that with the row's own label; a made one (training.recombine) by the mean of all four.

Writes `scorer_labels.json`: {"jigsaw": [[text, probability], ...], "paradetox": the same, "made": the same}.
"""

from __future__ import annotations

import json
import random

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from training.command_line import training_parser
from training.corpora import Corpora
from training.minilm import Encoder, fit
from training.ngrams import fit_ngrams
from training.recombine import recombined

SEED = 5
MADE_SEED = 61
FOLDS = 2
EPOCHS = 2
MADE = 40_000
HARD = 0.4  # weight of a real row's own label against the teacher's probability


def labelled_rows(corpora: Corpora) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, labels, folds; Jigsaw's rows first."""
    rng = random.Random(SEED)
    texts, labels, folds = [], [], []
    for text, label in corpora.jigsaw_train + corpora.jigsaw_judges:
        texts.append(text)
        labels.append(label)
        folds.append(rng.randrange(FOLDS))
    for pair in corpora.pairs_train:
        fold = rng.randrange(FOLDS)
        texts += [pair.toxic, pair.neutral[0]]
        labels += [1, 0]
        folds += [fold, fold]
    return texts, np.array(labels), np.array(folds)


def logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-5, 1 - 1e-5)
    return np.log(p / (1 - p))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def mean_logits(
    texts: list[str], labels: np.ndarray, folds: np.ndarray, unlabelled: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of MiniLM and of the n-grams, (rows, 2): out of fold for `texts`, the mean of the folds for `unlabelled`."""
    unseen, mean = np.zeros((len(texts), 2)), np.zeros((len(unlabelled), 2))
    encoder = Encoder()
    states, more_states = encoder.lower(texts), encoder.lower(unlabelled)
    print("frozen layers done", flush=True)
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        minilm = fit([states[i] for i in inside], labels[inside], EPOCHS, SEED + fold)
        ngrams = fit_ngrams([texts[i] for i in inside], labels[inside])
        unseen[outside, 0] = logit(minilm.predict([states[i] for i in outside]))
        unseen[outside, 1] = logit(ngrams.predict([texts[i] for i in outside]))
        mean[:, 0] += logit(minilm.predict(more_states)) / FOLDS
        mean[:, 1] += logit(ngrams.predict(unlabelled)) / FOLDS
        print(f"fold {fold} done", flush=True)
    return unseen, mean


def main() -> None:
    options = training_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    texts, labels, folds = labelled_rows(corpora)
    jigsaw = len(corpora.jigsaw_train) + len(corpora.jigsaw_judges)
    made = recombined(texts[:jigsaw], corpora.neutral_pools["examples"], MADE, random.Random(MADE_SEED))
    dev, truth = [text for text, _ in corpora.jigsaw_dev], [label for _, label in corpora.jigsaw_dev]

    unseen, mean = mean_logits(texts, labels, folds, dev + made)
    blend = LogisticRegression(C=10).fit(mean[: len(dev)], truth)
    weights, shift = blend.coef_[0], blend.intercept_[0]
    of_real, of_dev, of_made = unseen @ weights + shift, mean[: len(dev)] @ weights + shift, mean[len(dev) :] @ weights + shift
    for number, name in enumerate(("MiniLM", "n-grams")):
        print(f"{name}: weight {weights[number]:.2f}, AUC on dev rows {roc_auc_score(truth, mean[: len(dev), number]):.4f}")
    print(f"teacher: AUC on dev rows {roc_auc_score(truth, of_dev):.4f}")
    print(f"teacher out of fold: AUC on Jigsaw rows {roc_auc_score(labels[:jigsaw], of_real[:jigsaw]):.4f}")

    def rows(some: list[str], p: np.ndarray) -> list[tuple[str, float]]:
        return [(text, round(float(value), 4)) for text, value in zip(some, p, strict=True)]

    real = HARD * labels + (1 - HARD) * sigmoid(of_real)
    parts = {
        "jigsaw": rows(texts[:jigsaw], real[:jigsaw]),
        "paradetox": rows(texts[jigsaw:], real[jigsaw:]),
        "made": rows(made, sigmoid(of_made)),
    }
    (options.work / "scorer_labels.json").write_text(json.dumps(parts), encoding="utf8")


if __name__ == "__main__":
    main()
