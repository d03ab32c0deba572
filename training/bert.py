"""The BERT form that three of the bundled models share, and where its word vectors start."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig

from training.minilm import Encoder
from training.wordpiece import PAD

WIDTH = 256
LAYERS = 3
HEADS = 4
FEED_FORWARD = 768
POSITIONS = 256
WORD_SCALE = 0.05  # standard deviation of the word vectors' entries


def bert_config(vocabulary: int, dropout: float = 0.0, **more: object) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=FEED_FORWARD, max_position_embeddings=POSITIONS, type_vocab_size=2, pad_token_id=PAD,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0, **more,
    )  # fmt: skip


def split_like(piece: str, known: dict[str, int]) -> list[int]:
    """Ids of the longest known pieces that `piece` is made of, as WordPiece would take them; nothing if there are none."""
    inside, rest, ids = piece.startswith("##"), piece.removeprefix("##"), []
    while rest:
        for length in range(len(rest), 0, -1):
            found = known.get(("##" if inside else "") + rest[:length])
            if found is not None:
                ids.append(found)
                rest, inside = rest[length:], True
                break
        else:
            return []
    return ids


@torch.no_grad()
def word_vectors(tokenizer: BertWordPieceTokenizer) -> torch.Tensor:
    """(vocabulary, WIDTH): MiniLM's word vectors of the same piece, or the mean of its pieces, in their best 256
    dimensions. A small network has no time to find out which words are alike."""
    minilm = Encoder()
    table, known = minilm.model.embeddings.word_embeddings.weight, minilm.tokenizer.get_vocab()
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    rows = []
    for piece, _ in pieces:
        ids = [known[piece]] if piece in known else split_like(piece, known)
        rows.append(table[ids].mean(0) if ids else table.mean(0))
    vectors = torch.stack(rows)
    turn = torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[2][:WIDTH].T
    turned = (vectors - vectors.mean(0)) @ turn
    # Random axes: else LayerNorm would see a few large coordinates and many tiny ones.
    turned = turned @ torch.nn.init.orthogonal_(torch.empty(WIDTH, WIDTH))
    return turned * (WORD_SCALE / turned.std())


def encoder_folder(work: Path) -> Path:
    """Where training.encoder leaves the weights that the classifiers start from."""
    return work / "encoder"
