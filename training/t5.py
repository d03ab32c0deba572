"""nano-t5: the network and its copy initialization. The prompt stands before the text."""

from __future__ import annotations

import torch
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration

from training.checkpoints import EOS, PAD
from training.model import DECODER_LAYERS, ENCODER_LAYERS, HEADS, VOCABULARY, WIDTH, orthogonal

PROMPT = "paraphrase: {text}"
FEED_FORWARD = 512  # gated, so that it costs what 768 cost without a gate
POSITIONS = 128
HALF, PART = WIDTH // 2, WIDTH // HEADS
NEAR = 8.0  # bias with which a head looks at one relative position


@torch.no_grad()
def copy_initialize(model: T5ForConditionalGeneration, embeddings: torch.Tensor) -> None:
    """T5's analogue of `training.model.copy_initialize`: it has no positions but those of its attention bias.

    The upper half of the width holds a token's content. Two encoder heads look one and two tokens back, by their
    position bias, and the first layer writes what they see into the first and second quarter of the width; the
    decoder's first layer does the same with one token back. Every head of the cross-attention then looks for the
    source token whose two predecessors are my token and the one before (induction over three tokens, which tells
    repeated words apart); V is orthogonal and O its transpose, so that what is attended to comes out as it is.
    """
    table = model.shared.weight
    table.copy_(embeddings)
    table[:, :HALF] *= 0.25
    size = float(table[:, HALF:].norm(dim=1).mean())
    for block in [*model.encoder.block, *model.decoder.block]:
        for layer in block.layer[:-1]:
            (layer.SelfAttention if hasattr(layer, "SelfAttention") else layer.EncDecAttention).o.weight.mul_(0.1 * size / 16)
        block.layer[-1].DenseReluDense.wo.weight.mul_(0.3 * size / 16)

    one_back, two_back = orthogonal(HALF)[:PART], orthogonal(HALF)[:PART]
    write = 1.2 * size / 16

    def look_back(attention: torch.nn.Module, head: int, distance: int, view: torch.Tensor, place: slice) -> None:
        mine = slice(head * PART, (head + 1) * PART)
        attention.relative_attention_bias.weight[distance, head] = NEAR  # bucket n: n tokens back
        attention.q.weight[mine] *= 0.2
        attention.v.weight[mine] = 0
        attention.v.weight[mine, HALF:] = view
        attention.o.weight[:, mine] = 0
        attention.o.weight[place, mine] = write * torch.eye(PART)

    first, second = slice(0, PART), slice(PART, HALF)
    encoder_attention = model.encoder.block[0].layer[0].SelfAttention
    look_back(encoder_attention, 0, 1, one_back, first)
    look_back(encoder_attention, 1, 2, two_back, second)
    look_back(model.decoder.block[0].layer[0].SelfAttention, 0, 1, two_back, second)

    for block in model.decoder.block:
        attention = block.layer[1].EncDecAttention
        attention.q.weight.zero_()
        attention.k.weight.zero_()
        for head in range(HEADS):
            mine = slice(head * PART, (head + 1) * PART)
            near, far = orthogonal(PART), orthogonal(PART)
            attention.q.weight[mine, HALF:] = SHARP * near @ one_back
            attention.q.weight[mine, second] = SHARP * far
            attention.k.weight[mine, first] = near
            attention.k.weight[mine, second] = far
        value = orthogonal(WIDTH)
        attention.v.weight.copy_(value)
        attention.o.weight.copy_(2 * size / 16 * value.T)
    model.decoder.final_layer_norm.weight.fill_(LOUD)


SHARP = 0.12
LOUD = 8.0


def new_t5(embeddings: torch.Tensor) -> T5ForConditionalGeneration:
    """T5 form, 6 million parameters: gated GELU, tied head."""
    config = T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=PART, d_ff=FEED_FORWARD, num_layers=ENCODER_LAYERS,
        num_decoder_layers=DECODER_LAYERS, num_heads=HEADS, dropout_rate=0.0, feed_forward_proj="gated-gelu",
        tie_word_embeddings=True, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD,
        n_positions=POSITIONS, task_specific_params={"detoxification": {"prompt": PROMPT}},
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    copy_initialize(model, embeddings)
    model.generation_config = GenerationConfig(
        num_beams=1, do_sample=False, max_length=POSITIONS, pad_token_id=PAD, eos_token_id=EOS,
        decoder_start_token_id=PAD,
    )  # fmt: skip
    return model
