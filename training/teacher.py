"""Soft labels for the scorer, out of fold, and what the detoxifier's pair filter needs.

    python -m training.teacher --data ../shared/data --work /tmp/detoxq-training

Rows: Jigsaw (training and judges' part), ParaDetox training pairs (source 1, first paraphrase 0). Teacher: mean of an
n-gram regression and a MiniLM classifier, each fitted on one half and read on the other; a pair and its paraphrase share
a half. Writes `soft_labels.json`: [[text, label, teacher's probability], ...].
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from training.corpora import Corpora
from training.minilm import Encoder, fit
from training.ngrams import fit_ngrams

SEED = 5
FOLDS = 2
EPOCHS = 2


def labelled_rows(corpora: Corpora) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, labels, folds."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    texts, labels, folds = labelled_rows(corpora)
    ngram = np.zeros(len(texts))
    for fold in range(FOLDS):
        inside = np.flatnonzero(folds != fold)
        outside = np.flatnonzero(folds == fold)
        model = fit_ngrams([texts[i] for i in inside], labels[inside])
        ngram[outside] = model.predict([texts[i] for i in outside])
    print(f"n-grams out of fold: AUC {roc_auc_score(labels, ngram):.4f}", flush=True)

    states = Encoder().lower(texts)
    print("frozen layers done", flush=True)
    minilm = np.zeros(len(texts))
    for fold in range(FOLDS):
        inside = np.flatnonzero(folds != fold)
        outside = np.flatnonzero(folds == fold)
        classifier = fit([states[i] for i in inside], labels[inside], EPOCHS, SEED + fold)
        minilm[outside] = classifier.predict([states[i] for i in outside])
        print(f"fold {fold}: MiniLM AUC {roc_auc_score(labels[outside], minilm[outside]):.4f}", flush=True)
    teacher = (ngram + minilm) / 2
    jigsaw = np.arange(len(corpora.jigsaw_train) + len(corpora.jigsaw_judges))
    for name, values in (("n-grams", ngram), ("MiniLM", minilm), ("mean", teacher)):
        print(f"{name}: AUC Jigsaw rows {roc_auc_score(labels[jigsaw], values[jigsaw]):.4f}", flush=True)
    rows = [[text, int(label), round(float(p), 4)] for text, label, p in zip(texts, labels, teacher, strict=True)]
    (options.work / "soft_labels.json").write_text(json.dumps(rows), encoding="utf8")


if __name__ == "__main__":
    main()
