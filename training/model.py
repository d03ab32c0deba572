"""The detoxifier's network, and the copy initialization that makes small sequence-to-sequence training work."""

from __future__ import annotations

import math

import torch
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig

from training.checkpoints import BOS, EOS, PAD

VOCABULARY = 6000
WIDTH = 256
HEADS = 4
FEED_FORWARD = 768
ENCODER_LAYERS = 4
DECODER_LAYERS = 2
DETOXIFIER_POSITIONS = 128


def sinusoids(positions: int, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Position table (positions, half) and the `half / 2` angles a step turns each pair of dimensions by."""
    steps = 1.8 * torch.exp(-torch.arange(half // 2) / (half // 2) * math.log(40.0))
    steps = torch.cat([steps[0::2], steps[1::2]])
    angles = torch.arange(positions)[:, None].float() * steps
    table = torch.zeros(positions, half)
    table[:, 0::2], table[:, 1::2] = torch.sin(angles), torch.cos(angles)
    return table, steps


def orthogonal(size: int) -> torch.Tensor:
    return torch.nn.init.orthogonal_(torch.empty(size, size))


@torch.no_grad()
def copy_initialize(model: BartForConditionalGeneration) -> None:
    """Weights with which the untrained network already copies most of its input.

    The lower half of the width holds position, the upper half content. Encoder layer 0, heads 0 and 1, look one
    token back and write that token's content into the lower half. In every cross-attention heads 0 and 1 look for
    the source token that follows one equal to mine (induction), heads 2 and 3 for the same position; V is orthogonal
    and O is its transpose, so that what is attended to comes out as it is.
    """
    encoder, decoder, embeddings = model.model.encoder, model.model.decoder, model.model.shared.weight
    positions, width = encoder.embed_positions.weight.shape
    half = width // 2
    embeddings.normal_(0, 0.04)
    embeddings[:, :half] *= 0.25
    embeddings[PAD] = 0

    sines, steps = sinusoids(positions, half)
    table = torch.zeros(positions, width)
    table[:, :half] = 0.05 * sines
    encoder.embed_positions.weight.copy_(table)
    decoder.embed_positions.weight.copy_(table)

    back = torch.zeros(half, half)  # turns a position's sinusoids into those of the position before
    for pair, step in enumerate(steps.tolist()):
        i = 2 * pair
        back[i, i] = back[i + 1, i + 1] = math.cos(step)
        back[i, i + 1], back[i + 1, i] = -math.sin(step), math.sin(step)

    content_key, written = orthogonal(half), orthogonal(half)
    attention = encoder.layers[0].self_attn
    attention.q_proj.weight[:half] = 0
    attention.k_proj.weight[:half] = 0
    attention.v_proj.weight[:half] = 0
    attention.out_proj.weight[:, :half] = 0
    attention.q_proj.weight[:half, :half] = 3.0 * back
    attention.k_proj.weight[:half, :half] = torch.eye(half)
    attention.v_proj.weight[:half, half:] = content_key
    attention.out_proj.weight[:half, :half] = 0.9 * written

    for layer in decoder.layers:
        attention = layer.encoder_attn
        value = orthogonal(width)
        attention.v_proj.weight.copy_(value)
        attention.out_proj.weight.copy_(1.5 * value.T)
        attention.q_proj.weight.zero_()
        attention.k_proj.weight.zero_()
        attention.q_proj.weight[:half, half:] = 1.5 * content_key
        attention.k_proj.weight[:half, :half] = written.T
        place = orthogonal(half)
        attention.q_proj.weight[half:, :half] = 1.5 * place
        attention.k_proj.weight[half:, :half] = place


def new_detoxifier() -> BartForConditionalGeneration:
    """BART form, 6.1 million parameters, copy-initialized."""
    config = BartConfig(
        vocab_size=VOCABULARY, d_model=WIDTH, encoder_layers=ENCODER_LAYERS, decoder_layers=DECODER_LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=FEED_FORWARD,
        decoder_ffn_dim=FEED_FORWARD, max_position_embeddings=DETOXIFIER_POSITIONS, dropout=0.0,
        attention_dropout=0.0, activation_dropout=0.0, init_std=0.03, scale_embedding=False, bos_token_id=BOS,
        pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=EOS, forced_bos_token_id=None,
        forced_eos_token_id=None,
    )  # fmt: skip
    model = BartForConditionalGeneration(config)
    copy_initialize(model)
    model.generation_config = GenerationConfig(
        num_beams=1, do_sample=False, max_length=DETOXIFIER_POSITIONS, bos_token_id=BOS, pad_token_id=PAD,
        eos_token_id=EOS, decoder_start_token_id=EOS, forced_eos_token_id=EOS,
    )  # fmt: skip
    return model
