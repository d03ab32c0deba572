"""Tiny T5 and GPT-2 checkpoints with random weights (see training/tiny_checkpoints.py, which writes them).

What they cover: T5 with relu and with a gated GELU, tied and untied output, heads that are not d_model / num_heads, other
buckets, and keys of old files; GPT-2 with its scaling of attention, and with the old names of its tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, SentencePieceUnigramTokenizer, normalizers, processors
from transformers import GenerationConfig, PreTrainedModel, T5Config, T5ForConditionalGeneration, T5TokenizerFast

T5_PAD, T5_EOS = 0, 1

T5_VARIANTS: dict[str, dict[str, object]] = {
    # T5 as first published; a head is not d_model / num_heads
    "tiny-t5": dict(num_layers=2, num_decoder_layers=2, num_heads=2, d_kv=12, feed_forward_proj="relu"),
    # T5 v1.1 and Flan-T5; few buckets, so that far distances share them; another depth of the decoder
    "tiny-t5-gated": dict(
        num_layers=2, num_decoder_layers=1, num_heads=4, d_kv=8, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, relative_attention_num_buckets=8, relative_attention_max_distance=20,
    ),
}  # fmt: skip

# Found by trying: outputs that depend on the text and do not repeat one token.
T5_GAINS: dict[str, dict[str, float]] = {
    "tiny-t5": {
        "shared": 0.1, "EncDecAttention.o": 3.0, "SelfAttention.o": 12.0, "wo": 6.0, "wi": 3.0, ".q.": 4.0, ".k.": 1.5,
        "relative_attention_bias": 20.0,
    },
    "tiny-t5-gated": {
        "EncDecAttention.o": 6.0, "SelfAttention.o": 3.0, "wo": 3.0, "wi": 1.5, ".q.": 2.5, ".k.": 2.5,
        "relative_attention_bias": 4.0,
    },
}  # fmt: skip


def randomise(model: PreTrainedModel, generator: torch.Generator, gains: dict[str, float]) -> None:
    """Matrices of rows with unit norm times the first gain that fits; norms away from one, biases away from zero."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            gain = next((value for part, value in gains.items() if part in name), 1.0)
            if weight.ndim == 2:
                weight.copy_(noise * gain / math.sqrt(weight.shape[1]))
            elif "norm" in name.lower() or ".ln_" in name:
                weight.copy_((1.0 if name.endswith("weight") else 0.0) + 0.2 * noise)
            else:
                weight.copy_(0.1 * noise)


def save_unigram_tokenizer(folder: Path, texts: list[str], max_length: int) -> int:
    """A SentencePiece-like tokenizer with T5's special tokens; the number of its tokens."""
    unigram = SentencePieceUnigramTokenizer()
    unigram.train_from_iterator(
        texts, vocab_size=480, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    unigram.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", T5_EOS)]
    )
    T5TokenizerFast(tokenizer_object=unigram._tokenizer, extra_ids=0, model_max_length=max_length).save_pretrained(folder)
    return unigram.get_vocab_size()


def tiny_t5(name: str, seed: int, vocabulary: int) -> T5ForConditionalGeneration:
    config = T5Config(
        vocab_size=vocabulary, d_model=32, d_ff=64, decoder_start_token_id=T5_PAD, pad_token_id=T5_PAD,
        eos_token_id=T5_EOS, **T5_VARIANTS[name],
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    randomise(model, torch.Generator().manual_seed(seed), T5_GAINS[name])
    model.generation_config = GenerationConfig(
        num_beams=1, max_length=40, pad_token_id=T5_PAD, eos_token_id=T5_EOS, decoder_start_token_id=T5_PAD
    )
    return model.eval()


def raise_end_row(model: PreTrainedModel, end_token: int, count_ended: Callable[[], int], wanted: int) -> None:
    """Draws the end token's output row until so many outputs end before the limit, but not all."""
    weight = model.get_output_embeddings().weight
    generator = torch.Generator().manual_seed(1)
    for _ in range(40):
        if count_ended() >= wanted:
            return
        with torch.no_grad():
            noise = torch.randn(weight.shape[1], generator=generator)
            weight[end_token] = noise * weight.norm(dim=1).mean() / math.sqrt(weight.shape[1])
            weight[end_token] *= 1.3


def add_old_keys(folder: Path) -> None:
    """A table that early T5 files have and no model reads."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    save_file({**tensors, name: torch.zeros(8, 4)}, file, metadata={"format": "pt"})
