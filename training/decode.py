"""Greedy rewrites, toxicity and perplexity of a batch of texts in model form, with the checkpoints that ship."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from training.checkpoints import EOS, PAD, encode, load_bpe, pad

BATCH = 48


def read_prompt(config) -> str:
    """The template that a text goes into before a model reads it; `{text}` alone where the checkpoint has none."""
    task = (config.task_specific_params or {}).get("detoxification", {})
    return task.get("prompt", "{text}")


class Detoxifier:
    """A bundled generator of any of the three architectures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = AutoConfig.from_pretrained(folder)
        self.prompt = read_prompt(self.config)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        family = AutoModelForSeq2SeqLM if self.config.is_encoder_decoder else AutoModelForCausalLM
        self.model = family.from_pretrained(folder, dtype=torch.float32).eval()
        self.window = self.tokenizer.model_max_length

    @torch.no_grad()
    def rewrite(self, texts: list[str]) -> list[str]:
        prompts = [self.prompt.replace("{text}", text) for text in texts]
        rows = self.tokenizer(prompts, truncation=True, max_length=self.window)["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        outputs = [""] * len(rows)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for i, tokens in zip(batch, self.generate([rows[i] for i in batch]), strict=True):
                outputs[i] = self.tokenizer.decode(
                    tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
                ).strip()
        return outputs

    def generate(self, rows: list[list[int]]) -> list[list[int]]:
        width = max(map(len, rows))
        if self.config.is_encoder_decoder:
            ids, skip, limit = pad(rows), 0, min(self.window, width + 16)
        else:  # the prompt is continued: padding goes before it
            ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
            skip, limit = width, min(self.config.n_positions, 2 * width + 16)
        generated = self.model.generate(
            input_ids=ids, attention_mask=(ids != PAD).long(), num_beams=1, do_sample=False, max_length=limit
        )
        return generated[:, skip:].tolist()


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


@torch.no_grad()
def surprise(model, tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each text -log p of its tokens, end token included, after an end token; and the number of those tokens."""
    rows = [[EOS, *tokenizer(text)["input_ids"], EOS] for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    nats = np.zeros(len(rows))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        ids = pad([rows[i] for i in batch])
        log_p = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
        mine = log_p.gather(-1, ids[:, 1:, None])[..., 0] * (ids[:, 1:] != PAD)
        nats[batch] = -mine.sum(1).numpy()
    return nats, np.array([len(row) - 1 for row in rows])


def perplexity(nats: np.ndarray, tokens: np.ndarray) -> float:
    return math.exp(nats.sum() / tokens.sum())
