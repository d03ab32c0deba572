"""A short MiniLM to start a classifier from: its first layers, and those of its pieces that our text uses.

Syntax takes more training than a small network of our own got; MiniLM has had it. Its splitting rule stays, so a word of
which no piece was dropped is split as MiniLM would.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel

from training.minilm import Encoder
from training.wordpiece import SPECIAL

LAYERS = 2
PIECES = 5600
POSITIONS = 192


@torch.no_grad()
def prepare_short_minilm(texts: list[str], folder: Path) -> BertWordPieceTokenizer:
    """Writes `folder` (weights, vocab.txt) once; its pieces are the most frequent ones of `texts`, and all characters."""
    if not (folder / "vocab.txt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        minilm = Encoder()
        counts: Counter[int] = Counter()
        for row in minilm.pieces(texts):
            counts.update(row)
        names = {number: piece for piece, number in minilm.tokenizer.get_vocab().items()}
        chosen = [minilm.tokenizer.convert_tokens_to_ids(piece) for piece in SPECIAL]
        letters = [n for n, piece in sorted(names.items()) if len(piece.removeprefix("##")) == 1 and piece.isascii()]
        for number in letters + [number for number, _ in counts.most_common()]:
            if number not in chosen and len(chosen) < PIECES:
                chosen.append(number)
        (folder / "vocab.txt").write_text("".join(names[number] + "\n" for number in chosen), encoding="utf8")
        whole = minilm.model
        config = BertConfig.from_dict(
            {**whole.config.to_dict(), "num_hidden_layers": LAYERS, "vocab_size": len(chosen),
             "max_position_embeddings": POSITIONS}
        )  # fmt: skip
        short = BertModel(config)
        kept = {name: value for name, value in whole.state_dict().items() if name in short.state_dict()}
        kept["embeddings.word_embeddings.weight"] = kept["embeddings.word_embeddings.weight"][chosen]
        kept["embeddings.position_embeddings.weight"] = kept["embeddings.position_embeddings.weight"][:POSITIONS]
        kept.pop("embeddings.position_ids", None)
        short.load_state_dict(kept, strict=False)
        short.save_pretrained(folder)
    return BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
