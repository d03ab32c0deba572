"""Every figure of the cards of nano-bert, nano-sim and nano-fluency, as Markdown tables on standard output.

    python -m training.figures --data data

Rows that nothing was trained on or chosen by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score
from tokenizers import BertWordPieceTokenizer
from transformers import BertForSequenceClassification, BertModel

from training import bert_scorer, fluency
from training.authored import authored_pairs
from training.classifier import predict
from training.corpora import Corpora
from training.decode import Detoxifier
from training.encoder import embed
from training.minilm import Encoder
from training.scorer_samples import swear_words
from training.sentence_targets import without

MODELS = Path("models")


def wordpiece(folder: Path) -> BertWordPieceTokenizer:
    return BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)


def classifier(folder: Path) -> BertForSequenceClassification:
    return BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()


def toxicity_table(corpora: Corpora, folder: Path) -> None:
    model, pieces = classifier(folder), wordpiece(folder)
    print("\n## nano-bert\n\n| rows | AUC | accuracy | toxic found | neutral flagged |\n|---|---|---|---|---|")
    for name, (texts, labels) in bert_scorer.held_sets(corpora, "test").items():
        p = predict(model, pieces, texts)
        found, flagged = (p[labels == 1] > 0.5).mean(), (p[labels == 0] > 0.5).mean()
        right = ((p > 0.5) == labels).mean()
        print(f"| {name}, {len(texts)} | {roc_auc_score(labels, p):.4f} | {right:.3f} | {found:.1%} | {flagged:.1%} |")


def similarity_table(corpora: Corpora, folder: Path) -> None:
    model, pieces, minilm = BertModel.from_pretrained(folder, dtype=torch.float32).eval(), wordpiece(folder), Encoder()
    sources = [pair.toxic for pair in corpora.pairs_test]
    lexicon = swear_words(corpora)
    own, own_rewrites = map(list, zip(*authored_pairs()[1], strict=True))
    human = [pair.neutral[0] for pair in corpora.pairs_test]
    sets = {
        "ParaDetox test, source and human paraphrase": (sources, human),
        "the same, source less its swear words": (sources, [without(text, lexicon) or "." for text in sources]),
        "the same, source and nano-bart's rewrite": (sources, Detoxifier(MODELS / "nano-bart").rewrite(sources)),
        "the same, source and another sentence's paraphrase": (sources, human[1:] + human[:1]),
        "hand-written pairs kept from training": (own, own_rewrites),
    }
    print("\n## nano-sim\n\n| pairs | Pearson | Spearman | mean absolute error | mean cosine | MiniLM's |")
    print("|---|---|---|---|---|---|")
    for name, (left, right) in sets.items():
        mine = (embed(model, pieces, left) * embed(model, pieces, right)).sum(1)
        wanted = (minilm.embed(left) * minilm.embed(right)).sum(1)
        error = np.abs(mine - wanted).mean()
        print(f"| {name}, {len(left)} | {pearsonr(mine, wanted)[0]:.3f} | {spearmanr(mine, wanted)[0]:.3f} | {error:.3f} "
              f"| {mine.mean():.3f} | {wanted.mean():.3f} |")


def fluency_table(corpora: Corpora, folder: Path) -> None:
    model, pieces = classifier(folder), wordpiece(folder)
    sets = {**fluency.held_sets(corpora, "test"), "hand-made good and bad rewrites": fluency.case_set()}
    print("\n## nano-fluency\n\n| sentences | AUC | accuracy | good called good | bad called bad |\n|---|---|---|---|---|")
    for name, (texts, labels) in sets.items():
        p = predict(model, pieces, texts)
        good, bad = (p[labels == 1] > 0.5).mean(), (p[labels == 0] <= 0.5).mean()
        right = ((p > 0.5) == labels).mean()
        print(f"| {name}, {len(texts)} | {roc_auc_score(labels, p):.3f} | {right:.3f} | {good:.1%} | {bad:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--only", choices=("nano-bert", "nano-sim", "nano-fluency"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    tables = {"nano-bert": toxicity_table, "nano-sim": similarity_table, "nano-fluency": fluency_table}
    for name, table in tables.items():
        if options.only in (None, name):
            table(corpora, MODELS / name)


if __name__ == "__main__":
    main()
