"""WordPiece for the BERT models: vocabulary, batches of ids, tokenizer files."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertTokenizerFast

from training.corpora import Corpora

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
VOCABULARY = 8000
ALPHABET = 250  # characters; what is not among them becomes [UNK]


def prepare_wordpiece(corpora: Corpora, work: Path) -> BertWordPieceTokenizer:
    """Trains the vocabulary once, on training text alone: comments thrice, WordNet examples once, some glosses."""
    file = work / "vocab.txt"
    if not file.exists():
        pools = corpora.neutral_pools
        lines = pools["examples"] + pools["glosses"][:15000] + pools["chat"] * 3
        lines += [pair.toxic for pair in corpora.pairs_train] * 3
        lines += [text for text, label in corpora.jigsaw_train + corpora.jigsaw_judges if label] * 3
        tokenizer = BertWordPieceTokenizer(lowercase=True)
        tokenizer.train_from_iterator(
            lines, vocab_size=VOCABULARY, min_frequency=2, limit_alphabet=ALPHABET, special_tokens=list(SPECIAL),
            initial_alphabet=[*map(chr, range(33, 127)), *"“”‘’…–—"], show_progress=False,
        )  # fmt: skip
        tokenizer.save_model(str(work))
    return BertWordPieceTokenizer(str(file), lowercase=True)


def encode_pieces(tokenizer: BertWordPieceTokenizer, texts: list[str], limit: int) -> list[list[int]]:
    """`[CLS] pieces [SEP]`, at most `limit` ids a text."""
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [[CLS, *encoding.ids[: limit - 2], SEP] for encoding in encodings]


def pad_pieces(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and their attention mask, each (rows, longest row)."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    return ids, (ids != PAD).long()


def save_wordpiece(vocabulary: Path, out: Path, max_length: int) -> None:
    """tokenizer.json, tokenizer_config.json, vocab.txt, special_tokens_map.json."""
    tokenizer = BertTokenizerFast(vocab_file=str(vocabulary / "vocab.txt"), do_lower_case=True, model_max_length=max_length)
    tokenizer.save_pretrained(out)
