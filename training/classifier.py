"""Fine-tunes a BERT body to a sentence classifier of two labels; nano-bert and nano-fluency share this.

A sample is a list of words, the probability of label 1, and a flag for each word (or none). Where there are flags, a
second head, dropped afterwards, learns to find the flagged words: a fault in a sentence teaches more when its place is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from tokenizers import BertWordPieceTokenizer
from transformers import BertForSequenceClassification, BertModel

from training.checkpoints import save_weights
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.wordpiece import CLS, MASK, SEP, encode_pieces, pad_pieces, save_wordpiece

DROPOUT = 0.1
AVERAGE = 0.997
LONGEST = 96  # pieces a text
HIDDEN_PIECES = 0.04  # share of pieces masked in training
FLAG_WEIGHT = 0.7
BATCH = 48

Sample = tuple[list[str], float, list[bool] | None]
LabelledSet = tuple[list[str], np.ndarray]


class Samples(Protocol):
    def reseed(self, block: int) -> None: ...

    def draw(self) -> Sample: ...


@dataclass(frozen=True)
class Batch:
    ids: torch.Tensor
    mask: torch.Tensor
    wanted: torch.Tensor  # (texts,)
    flags: torch.Tensor  # (texts, pieces): 1, 0, or -1 where nothing is known


class FlaggedClassifier(torch.nn.Module):
    """The classifier that ships, and the head that finds flagged pieces."""

    def __init__(self, labels: dict[int, str], body_folder: Path) -> None:
        super().__init__()
        body = BertModel.from_pretrained(body_folder)
        config = body.config
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = DROPOUT, 0.0
        config.id2label, config.label2id = labels, {name: number for number, name in labels.items()}
        self.classifier = BertForSequenceClassification(config)
        kept = {name: value for name, value in body.state_dict().items() if not name.startswith("pooler")}
        self.classifier.bert.load_state_dict(kept, strict=False)
        self.finder = torch.nn.Linear(config.hidden_size, 1)

    def loss(self, batch: Batch) -> torch.Tensor:
        outputs = self.classifier.bert(input_ids=batch.ids, attention_mask=batch.mask)
        logits = self.classifier.classifier(self.classifier.dropout(outputs.pooler_output))
        log_p = logits.log_softmax(-1)
        loss = -(batch.wanted * log_p[:, 1] + (1 - batch.wanted) * log_p[:, 0]).mean()
        told = batch.flags >= 0
        if told.any():
            found = self.finder(outputs.last_hidden_state)[..., 0][told]
            loss = loss + FLAG_WEIGHT * torch.nn.functional.binary_cross_entropy_with_logits(found, batch.flags[told])
        return loss


def block_maker(samples: Samples, tokenizer: BertWordPieceTokenizer, seed: int) -> Callable[[int], Iterator[Batch]]:
    def block(number: int) -> Iterator[Batch]:
        samples.reseed(number)
        rng = random.Random(f"{seed}-order-{number}")
        dice = torch.Generator().manual_seed(number)
        drawn = [sample for _ in range(BATCH * BATCHES_PER_BLOCK) if (sample := samples.draw())[0]]
        encodings = tokenizer.encode_batch([words for words, _, _ in drawn], is_pretokenized=True, add_special_tokens=False)
        rows, flags = [], []
        for encoding, (_, _, marks) in zip(encodings, drawn, strict=True):
            rows.append([CLS, *encoding.ids[: LONGEST - 2], SEP])
            told = [-1.0 if marks is None else float(marks[word]) for word in encoding.word_ids[: LONGEST - 2]]
            flags.append([-1.0, *told, -1.0])
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]) + 2 * rng.random())
        batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
        rng.shuffle(batches)
        for chosen in batches:
            ids, mask = pad_pieces([rows[i] for i in chosen])
            width = ids.shape[1]
            told = torch.tensor([flags[i] + [-1.0] * (width - len(flags[i])) for i in chosen])
            hidden = (torch.rand(ids.shape, generator=dice) < HIDDEN_PIECES) & (told >= -1) & (ids > MASK)
            yield Batch(ids.masked_fill(hidden, MASK), mask, torch.tensor([drawn[i][1] for i in chosen]), told)

    return block


@torch.no_grad()
def predict(model: BertForSequenceClassification, tokenizer: BertWordPieceTokenizer, texts: list[str]) -> np.ndarray:
    """Probability of label 1."""
    rows, out = encode_pieces(tokenizer, texts, LONGEST), np.zeros(len(texts))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids, mask = pad_pieces([rows[i] for i in chosen])
        out[chosen] = model(input_ids=ids, attention_mask=mask).logits.softmax(-1)[:, 1].numpy()
    return out


def report_sets(
    model: BertForSequenceClassification, tokenizer: BertWordPieceTokenizer, sets: dict[str, LabelledSet]
) -> str:
    parts = []
    for name, (texts, labels) in sets.items():
        p = predict(model, tokenizer, texts)
        right, flagged = ((p > 0.5) == labels).mean(), (p[labels == 0] > 0.5).mean()
        parts.append(f"{name} AUC {roc_auc_score(labels, p):.4f} right {right:.3f} label 0 taken for 1 {flagged:.3f}")
    return " | ".join(parts)


def fine_tune(
    name: str,
    labels: dict[int, str],
    samples: Samples,
    tokenizer: BertWordPieceTokenizer,
    schedule: Schedule,
    seed: int,
    sets: dict[str, LabelledSet],
    body_folder: Path,
    work: Path,
) -> BertForSequenceClassification:
    """The trained classifier, started from the BertModel of `body_folder`, its weights averaged; `work/NAME.pt` is the
    checkpoint a stopped run goes on from."""
    torch.manual_seed(seed)
    model = FlaggedClassifier(labels, body_folder)
    print(f"{sum(p.numel() for p in model.classifier.parameters())} parameters", flush=True)
    mean = train(
        model, block_maker(samples, tokenizer, seed), model.loss, schedule, work / f"{name}.pt",
        lambda: report_sets(model.classifier, tokenizer, sets), report_every=200, average=AVERAGE,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
    model.eval()
    print("weights averaged", report_sets(model.classifier, tokenizer, sets))
    return model.classifier


def export(model: BertForSequenceClassification, vocabulary: Path, out: Path) -> None:
    """The folder that ships; `vocabulary` is the folder of vocab.txt."""
    save_weights(model, out)
    save_wordpiece(vocabulary, out, model.config.max_position_embeddings)
