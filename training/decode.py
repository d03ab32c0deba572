"""Greedy rewrites and toxicity of a batch of texts in model form, with the checkpoints that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

from training.checkpoints import EOS, PAD, encode, load_bpe, pad

BATCH = 48


class Detoxifier:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bpe = load_bpe(folder)
        self.model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.window = self.model.config.max_position_embeddings

    @torch.no_grad()
    def rewrite(self, texts: list[str]) -> list[str]:
        rows = encode(self.bpe, texts, self.window)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        outputs = [""] * len(rows)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            ids = pad([rows[i] for i in batch])
            limit = min(self.window, ids.shape[1] + 16)
            generated = self.model.generate(
                input_ids=ids, attention_mask=(ids != PAD).long(), num_beams=1, do_sample=False, max_length=limit
            )
            for i, tokens in zip(batch, generated.tolist(), strict=True):
                outputs[i] = self.bpe.decode([token for token in tokens if token > EOS]).strip()
        return outputs


class Scorer:
    def __init__(self, folder: Path) -> None:
        self.bpe = load_bpe(folder)
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
        self.window = self.model.config.max_position_embeddings - PAD - 1

    @torch.no_grad()
    def toxicity(self, texts: list[str]) -> np.ndarray:
        """P(toxic) for each text."""
        return score_with(self.model, self.bpe, texts, self.window)


@torch.no_grad()
def score_with(model, bpe, texts: list[str], window: int) -> np.ndarray:
    rows = encode(bpe, texts, window)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = np.zeros(len(rows))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        ids = pad([rows[i] for i in batch])
        logits = model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
        out[batch] = logits.softmax(-1)[:, 1].numpy()
    return out
