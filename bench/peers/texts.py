"""What the engines without a tokenizer or batches of their own share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer


def load_tokenizer(checkpoint: str, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(Path(checkpoint) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def by_padded_tokens(rows: list[list[int]], most: int) -> list[list[int]]:
    """Indexes of rows in order of length, in batches of at most so many padded tokens."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batches and len(rows[index]) * (len(batches[-1]) + 1) <= most:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def padded(rows: list[list[int]], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Right-padded ids and their mask, both [rows, longest row] of int64."""
    ids = np.full((len(rows), max(map(len, rows))), pad, np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask
