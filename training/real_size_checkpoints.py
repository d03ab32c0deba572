"""Checkpoints of the sizes that are published, with random weights: for benchmarks and for tests of correctness.

    python -m training.real_size_checkpoints --out real-size

BART-base 139 M parameters, T5-base 223 M, GPT-2 124 M, BERT-base 110 M and RoBERTa-base 125 M, each with the tokenizer of
the bundled model of its kind. Vocabulary that the tokenizer does not have is never produced. Outputs depend on the input
and, where an end token can be found for that, end at different places: the same work for an engine as trained weights,
whose texts would only mean something. They say nothing about the quality of int8.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForSequenceClassification,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PretrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

from training.reference import generator_reference
from training.tiny_checkpoints import TEXTS
from training.tiny_generators import raise_end_row, randomise

MODELS = Path(__file__).parent.parent / "models"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
TOXIC = {"id2label": {0: "neutral", 1: "toxic"}, "label2id": {"neutral": 0, "toxic": 1}}
LIMIT = 32

BART_GAINS = {"embed_positions": 3.0, "encoder_attn.out_proj": 8.0, "fc2": 3.0, "q_proj": 2.0, "k_proj": 2.0}
T5_GAINS = {
    "shared": 0.3, "EncDecAttention.o": 3.0, "SelfAttention.o": 6.0, "wo": 4.0, ".q.": 1.5, ".k.": 1.5,
    "relative_attention_bias": 12.0,
}  # fmt: skip
GPT2_GAINS = {"wpe": 2.0, "c_attn": 1.5, "attn.c_proj": 4.0, "mlp": 2.0}
BERT_GAINS = {"query": 2.0, "key": 2.0, "dense": 1.5}


def systems() -> dict[str, tuple[type[PreTrainedModel], PretrainedConfig, str, dict[str, float]]]:
    """Class, config, bundled model with the tokenizer, gains of the random weights."""
    return {
        "bart-base": (
            BartForConditionalGeneration,
            BartConfig(
                vocab_size=50265, d_model=768, encoder_layers=6, decoder_layers=6, encoder_attention_heads=12,
                decoder_attention_heads=12, encoder_ffn_dim=3072, decoder_ffn_dim=3072, forced_eos_token_id=None,
            ),
            "nano-bart",
            BART_GAINS,
        ),
        "t5-base": (
            T5ForConditionalGeneration,
            T5Config(
                d_model=768, d_ff=3072, num_layers=12, num_heads=12, decoder_start_token_id=0, pad_token_id=0,
                eos_token_id=1,
            ),
            "nano-t5",
            T5_GAINS,
        ),
        "gpt2": (GPT2LMHeadModel, GPT2Config(bos_token_id=0, eos_token_id=2), "nano-gpt2", GPT2_GAINS),
        "bert-base": (BertForSequenceClassification, BertConfig(**TOXIC), "nano-bert", BERT_GAINS),
        "roberta-base": (
            RobertaForSequenceClassification,
            RobertaConfig(
                vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, **TOXIC
            ),
            "nano-roberta",
            BERT_GAINS,
        ),
    }  # fmt: skip


def silence_unknown_tokens(model: PreTrainedModel, known: int) -> None:
    """Rows of the output matrix for tokens that the tokenizer does not have: their logits are zero, which never wins."""
    with torch.no_grad():
        model.get_output_embeddings().weight[known:] = 0


def counter(model: PreTrainedModel, folder: Path) -> Callable[[], int]:
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def count() -> int:
        lengths = [len(generator_reference(model, tokenizer, text, 64)["tokens"]) for text in TEXTS[:8]]
        return sum(length < LIMIT for length in lengths)

    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of some of them")
    parser.add_argument("--tries", type=int, default=4, help="how often to look for an end token, which takes minutes")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    for name, (kind, config, bundled, gains) in systems().items():
        if options.only and name not in options.only:
            continue
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in TOKENIZER_FILES:
            shutil.copy(MODELS / bundled / file, folder / file)
        model = kind(config).eval()
        randomise(model, torch.Generator().manual_seed(options.seed), gains)
        if model.can_generate():
            ids = {key: getattr(config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
            start = getattr(config, "decoder_start_token_id", None)
            model.generation_config = GenerationConfig(
                num_beams=1, max_new_tokens=LIMIT, **{**ids, "pad_token_id": ids["pad_token_id"] or ids["eos_token_id"]},
                **({} if start is None else {"decoder_start_token_id": start}),
            )  # fmt: skip
            if kind is T5ForConditionalGeneration:
                model.generation_config.pad_token_id = 0
            silence_unknown_tokens(model, len(AutoTokenizer.from_pretrained(folder)))
            raise_end_row(model, config.eos_token_id, counter(model, folder), 3, options.tries)
        model.save_pretrained(folder)
        (folder / "model.safetensors").chmod(0o644)
        print(f"{name}: {sum(weight.numel() for weight in model.parameters()) / 1e6:.0f} M parameters")


if __name__ == "__main__":
    main()
