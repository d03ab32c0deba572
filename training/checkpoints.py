"""Checkpoint folders in Hugging Face's layout: tokenizer files, and fp16 weights that load as fp32."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, ByteLevelBPETokenizer
from transformers import BartTokenizerFast, PreTrainedModel, RobertaTokenizerFast

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BOS, PAD, EOS, UNK, MASK = range(5)


def train_bpe(lines: list[str], vocab_size: int) -> ByteLevelBPETokenizer:
    """Byte-level BPE on model-form lines; ids 0 to 4 are the special tokens."""
    bpe = ByteLevelBPETokenizer(add_prefix_space=True)
    bpe.train_from_iterator(
        lines, vocab_size=vocab_size, min_frequency=2, special_tokens=list(SPECIAL), show_progress=False
    )
    return bpe


def load_bpe(folder: Path) -> ByteLevelBPETokenizer:
    """The bare BPE of a folder with `vocab.json` and `merges.txt`: fast batches for training."""
    bpe = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), add_prefix_space=True)
    bpe.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    return bpe


def encode(bpe: ByteLevelBPETokenizer, lines: list[str], limit: int) -> list[list[int]]:
    """`<s> pieces </s>`, at most `limit` ids a line."""
    encodings = bpe.encode_batch(lines, add_special_tokens=False)
    return [[BOS, *encoding.ids[: limit - 2], EOS] for encoding in encodings]


def pad(rows: list[list[int]]) -> torch.Tensor:
    """Right-padded ids, (rows, longest row)."""
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def save_tokenizer(bpe_folder: Path, out: Path, architecture: str, max_length: int) -> None:
    """tokenizer.json, tokenizer_config.json, vocab.json, merges.txt, special_tokens_map.json."""
    kind = {"bart": BartTokenizerFast, "roberta": RobertaTokenizerFast}[architecture]
    tokenizer = kind(
        vocab_file=str(bpe_folder / "vocab.json"),
        merges_file=str(bpe_folder / "merges.txt"),
        add_prefix_space=True,
        model_max_length=max_length,
    )
    tokenizer.save_pretrained(out)


def save_weights(model: PreTrainedModel, out: Path, half: bool = True) -> None:
    """Writes config and weights. `half`: fp16 on disk, while the config says float32, which is how it is to be run."""
    model = model.eval()
    if half:
        model = model.half()
    model.save_pretrained(out)
    edit_json(out / "config.json", dtype="float32")
    if model.can_generate():
        edit_json(out / "generation_config.json", num_beams=1, do_sample=False)
    (out / "model.safetensors").chmod(0o644)
    if half:
        model.float()


def edit_json(file: Path, **values: object) -> None:
    """Sets keys that transformers leaves out because they equal its defaults, or that it would set otherwise."""
    content = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
