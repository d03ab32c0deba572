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
from transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2TokenizerFast,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
    T5TokenizerFast,
)

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


def raise_end_row(
    model: PreTrainedModel, end_token: int, count_ended: Callable[[], int], wanted: int, tries: int = 40
) -> None:
    """Draws the end token's output row until so many outputs end before the limit, but not all."""
    weight = model.get_output_embeddings().weight
    generator = torch.Generator().manual_seed(1)
    for _ in range(tries):
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


GPT2_END = 2
GPT2_VARIANTS: dict[str, dict[str, object]] = {
    # as published: the head is the embedding, a prompt has no start token; old names of the tensors
    "tiny-gpt2": dict(n_layer=2, n_head=2),
    # scores scaled by layer and not by the head's size, a matrix of its own for the output
    "tiny-gpt2-untied": dict(
        n_layer=2, n_head=4, n_inner=48, tie_word_embeddings=False, scale_attn_weights=False,
        scale_attn_by_inverse_layer_idx=True, activation_function="gelu",
    ),
}  # fmt: skip
GPT2_GAINS: dict[str, dict[str, float]] = {
    "tiny-gpt2": {"wpe": 2.0, "c_attn": 3.0, "attn.c_proj": 8.0, "mlp": 4.0},
    "tiny-gpt2-untied": {"wpe": 2.0, "c_attn": 1.5, "attn.c_proj": 8.0, "mlp": 4.0},
}


def tiny_gpt2(name: str, seed: int, vocabulary: int) -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=96, n_embd=32, bos_token_id=GPT2_END, eos_token_id=GPT2_END,
        **GPT2_VARIANTS[name],
    )  # fmt: skip
    # Its faster attention forgets scale_attn_weights and scale_attn_by_inverse_layer_idx (transformers 4.57.6).
    model = GPT2LMHeadModel._from_config(config, attn_implementation="eager")
    randomise(model, torch.Generator().manual_seed(seed), GPT2_GAINS[name])
    model.generation_config = GenerationConfig(
        num_beams=1, max_new_tokens=30, bos_token_id=GPT2_END, eos_token_id=GPT2_END, pad_token_id=GPT2_END
    )
    return model.eval()


def save_gpt2_tokenizer(folder: Path, max_length: int) -> None:
    """Over the byte-level BPE that the folder has already; nothing is put before or after a text."""
    GPT2TokenizerFast(
        vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"), bos_token="</s>",
        eos_token="</s>", unk_token="<unk>", model_max_length=max_length,
    ).save_pretrained(folder)  # fmt: skip


@torch.no_grad()
def log_likelihood(model: GPT2LMHeadModel, tokens: list[int]) -> float:
    """ln p(tokens), the first one after the end token."""
    ids = torch.tensor([[GPT2_END, *tokens]])
    scores = model(ids).logits[0, :-1].double().log_softmax(-1)
    return scores.gather(1, ids[0, 1:, None]).sum().item()


def use_old_names(folder: Path) -> None:
    """Names without the prefix, and the masks that old files hold among the weights, as in the first `gpt2`."""
    file = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(file).items()}
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 8, 8).tril()
    tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, file, metadata={"format": "pt"})
