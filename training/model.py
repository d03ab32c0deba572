"""The two networks, and the copy initialization that makes small sequence-to-sequence training work."""

from __future__ import annotations

import math

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GenerationConfig,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from training.checkpoints import BOS, EOS, PAD

VOCABULARY = 6000
WIDTH = 256
HEADS = 4
FEED_FORWARD = 768
ENCODER_LAYERS = 4
DECODER_LAYERS = 2
DETOXIFIER_POSITIONS = 128
SCORER_POSITIONS = 256
LABELS = {0: "neutral", 1: "toxic"}


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


def new_scorer(dropout: float) -> RobertaForSequenceClassification:
    """RoBERTa form, 5 million parameters, two labels."""
    config = RobertaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=ENCODER_LAYERS, num_attention_heads=HEADS,
        intermediate_size=FEED_FORWARD, max_position_embeddings=SCORER_POSITIONS + PAD + 1, type_vocab_size=1,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0, classifier_dropout=dropout, layer_norm_eps=1e-5, num_labels=2,
        id2label=LABELS, label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    return RobertaForSequenceClassification(config)


@torch.no_grad()
def copy_encoder(source: BartForConditionalGeneration, target: RobertaForSequenceClassification) -> None:
    """Starts the scorer from the detoxifier's encoder; positions past the detoxifier's window continue its table."""
    encoder, roberta = source.model.encoder, target.roberta
    embeddings = roberta.embeddings
    embeddings.word_embeddings.weight.copy_(encoder.embed_tokens.weight)
    # Both tables start counting at row 2 (BART by its offset, RoBERTa by its padding id).
    known = encoder.embed_positions.weight
    rows = embeddings.position_embeddings.weight.shape[0]
    table, _ = sinusoids(rows, WIDTH // 2)
    embeddings.position_embeddings.weight.zero_()
    embeddings.position_embeddings.weight[:, : WIDTH // 2] = 0.05 * table
    embeddings.position_embeddings.weight[: len(known)] = known
    embeddings.token_type_embeddings.weight.zero_()
    embeddings.LayerNorm.load_state_dict(encoder.layernorm_embedding.state_dict())
    for old, new in zip(encoder.layers, roberta.encoder.layer, strict=True):
        twins = (
            (old.self_attn.q_proj, new.attention.self.query),
            (old.self_attn.k_proj, new.attention.self.key),
            (old.self_attn.v_proj, new.attention.self.value),
            (old.self_attn.out_proj, new.attention.output.dense),
            (old.self_attn_layer_norm, new.attention.output.LayerNorm),
            (old.fc1, new.intermediate.dense),
            (old.fc2, new.output.dense),
            (old.final_layer_norm, new.output.LayerNorm),
        )
        for before, after in twins:
            after.load_state_dict(before.state_dict())
