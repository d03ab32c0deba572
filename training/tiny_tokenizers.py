"""Tokenizers in the files of older checkpoints, without tokenizer.json: fixtures for src/engine/checkpoint/tokenizer-files.

    python -m training.tiny_tokenizers --out test/fixtures/tokenizers

One folder a family, trained on a few texts: config.json with the model type and the vocabulary in its old form. In each
`reference.jsonl`: what transformers' fast tokenizer makes of every text, which it builds from the same files. The
SentencePiece model has T5's settings, its NFKC table included.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer
from transformers import AutoTokenizer

from training.tiny_checkpoints import TEXTS

ODD = (
    "",
    " ",
    "  two  spaces   and three ",
    "\ttabs\tand\nlines\r\nof two kinds\r",
    "no <mask> here, <s>but</s> <pad> and <unk>, <extra_id_0> and <extra_id_99> , [MASK] [CLS] and [SEP]",
    "UPPER lower MiXeD İstanbul STRASSE straße",
    "Zoë paid 1,250.50 € for a naïve painting … №5 ½ ²",
    "ﬁne ligatures, ｆｕｌｌ　ｗｉｄｔｈ～, ⅷ, ㍿ and ①",
    "e\u0301 is é, a\u030a\u0323 has two marks, \u1100\u1161\u11a8 is 각",
    "soft\u00adhyphen zero\u200bwidth non\u00a0breaking \ufeffmark \u2028separator",
    "control \x01\x07\x1b characters \x7f\x85",
    "emoji 🙂 👩‍👩‍👧‍👦 🇫🇷 👍🏽 and ❤️",
    "中文 and 日本語 with ﾊﾝｶｸ and العربية",
    "don't, can't, I'll, we've; it's 'quoted' and \"double\"",
    "https://example.org/a?b=c&d=e#f @user #tag",
    "word" * 60,
    "a<extra_id_1>b </s> c",
    "▁already▁marked ▁",
    "\u0f71\u0f72 and \u0344 and \ufb2c",
    "nul \x00 between",
)  # fmt: skip


def write_texts(folder: Path) -> str:
    file = folder / "texts.txt"
    file.write_text("\n".join(TEXTS * 3), encoding="utf8")
    return str(file)


def reference(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast, folder
    lines = []
    for text in (*TEXTS, *ODD):
        ids = tokenizer(text)["input_ids"]
        output = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        lines.append(json.dumps({"text": text, "ids": ids, "output": output}) + "\n")
    (folder / "reference.jsonl").write_text("".join(lines), encoding="utf8")
    print(f"{folder.name}: {type(tokenizer).__name__}, {len(tokenizer)} tokens")


def family(out: Path, name: str, model_type: str, **files: object) -> Path:
    folder = out / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}) + "\n")
    for file, content in files.items():
        (folder / f"{file}.json").write_text(json.dumps(content) + "\n")
    return folder


def byte_level(out: Path, texts: str) -> None:
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe = ByteLevelBPETokenizer()
    bpe.train(texts, vocab_size=420, min_frequency=2, special_tokens=specials)
    bpe.save_model(str(family(out, "roberta", "roberta")))
    # tokenizer_config.json and special_tokens_map.json as old versions of transformers wrote them
    bpe.save_model(
        str(
            family(
                out,
                "bart",
                "bart",
                tokenizer_config={"model_max_length": 32, "add_prefix_space": True},
                special_tokens_map={
                    "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>",
                    "pad_token": "<pad>", "cls_token": "<s>",
                    "mask_token": {
                        "content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True,
                    },
                },
            )
        )
    )  # fmt: skip
    gpt = ByteLevelBPETokenizer()
    gpt.train(texts, vocab_size=400, min_frequency=2, special_tokens=["<|endoftext|>"])
    gpt.save_model(str(family(out, "gpt2", "gpt2")))
    # a pad token that was added after training
    gpt.save_model(
        str(
            family(
                out,
                "gpt2-added",
                "gpt2",
                added_tokens={"<pad>": gpt.get_vocab_size(), "printer": gpt.get_vocab_size() + 1},
                special_tokens_map={"pad_token": "<pad>", "eos_token": "<|endoftext|>"},
            )
        )
    )


def word_piece(out: Path, texts: str) -> None:
    for name, lower in (("bert", True), ("bert-cased", False)):
        pieces = BertWordPieceTokenizer(lowercase=lower)
        pieces.train(texts, vocab_size=300, min_frequency=1)
        settings = {} if lower else {"tokenizer_config": {"do_lower_case": False, "model_max_length": 24}}
        pieces.save_model(str(family(out, name, "bert", **settings)))


def unigram(out: Path, texts: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        sentencepiece.SentencePieceTrainer.train(
            input=texts, model_prefix=f"{scratch}/spiece", vocab_size=220, model_type="unigram", pad_id=0, eos_id=1,
            unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        model = Path(scratch) / "spiece.model"
        shutil.copy(model, family(out, "t5", "t5") / "spiece.model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    logging.disable(logging.WARNING)
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        texts = write_texts(Path(scratch))
        byte_level(out, texts)
        word_piece(out, texts)
        unigram(out, texts)
    for folder in sorted(out.iterdir()):
        reference(folder)
    # The newer behaviour of T5's tokenizer, which a line in its config asks for: the same model, other ids.
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(out / "t5", Path(scratch) / "t5-not-legacy"))
        (copy / "tokenizer_config.json").write_text('{"legacy": false}\n')
        reference(copy)
        shutil.copy(copy / "reference.jsonl", out / "t5" / "reference-not-legacy.jsonl")


if __name__ == "__main__":
    main()
