"""nano-gpt2: the network and its copy initialization. One row is prompt, rewrite, end token."""

from __future__ import annotations

import math

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel

from training.checkpoints import EOS, PAD
from training.model import HEADS, VOCABULARY, WIDTH, orthogonal, sinusoids

PROMPT = "{text} =>"
LAYERS = 4
FEED_FORWARD = 1024
POSITIONS = 256
HALF, PART = WIDTH // 2, WIDTH // HEADS
SHARP = 32.0  # factor of the induction heads' queries
BRING = 4.0  # size of what induction brings back, in sizes of an embedding
QUIET = 0.2  # of the usual initialization, for what blocks add: less of it leaves the copy alone
LOUD = 1.5  # weight of the last norm: untrained logits of the size that trained ones have


def turned(steps: torch.Tensor, distance: int) -> torch.Tensor:
    """Turns a position's sinusoids (as a column) into those of the position `distance` before."""
    turn = torch.zeros(PART, PART)
    for pair, step in enumerate((steps * distance).tolist()):
        i = 2 * pair
        turn[i, i] = turn[i + 1, i + 1] = math.cos(step)
        turn[i, i + 1], turn[i + 1, i] = -math.sin(step), math.sin(step)
    return turn


@torch.no_grad()
def copy_initialize(model: GPT2LMHeadModel, embeddings: torch.Tensor) -> None:
    """The decoder-only analogue of `training.model.copy_initialize`.

    The first quarter of the width holds position (sinusoids), the upper half content. Layer 0: head 0 looks one token
    back, head 1 two tokens back, and both write what they see into the second quarter, the second one turned by
    `further`, so that the two do not mix. Layer 1: every head looks for the place that follows my token and the one
    before (induction over three tokens) and brings back what stands there, so the prompt's text comes out again.
    """
    layers, table = model.transformer.h, model.transformer.wte.weight
    table.copy_(embeddings)
    table[:, :HALF] *= 0.25
    sines, steps = sinusoids(POSITIONS, PART)
    model.transformer.wpe.weight.zero_()
    model.transformer.wpe.weight[:, :PART] = 0.07 * sines

    positions, seen, content = slice(0, PART), slice(PART, HALF), slice(HALF, WIDTH)
    view, further = orthogonal(HALF)[:PART], orthogonal(PART)
    size = float(table[:, HALF:].norm(dim=1).mean())
    for layer in layers:
        layer.attn.c_proj.weight *= QUIET
        layer.mlp.c_proj.weight *= QUIET

    # Conv1D holds its weight as (input, output); the output is queries, keys, values, a head's `PART` columns each.
    attention = layers[0].attn
    for head, (distance, turn) in enumerate(((1, torch.eye(PART)), (2, further))):
        mine = slice(head * PART, (head + 1) * PART)
        query, key, value = (attention.c_attn.weight[:, at * WIDTH :][:, mine] for at in range(3))
        query.zero_(), key.zero_(), value.zero_()
        query[positions] = 4.0 * turned(steps, distance).T
        key[positions] = torch.eye(PART)
        value[content] = view.T
        attention.c_proj.weight[mine] = 0
        attention.c_proj.weight[mine, seen] = 1.2 * size / 16 * turn.T

    attention = layers[1].attn
    value = orthogonal(WIDTH)
    for head in range(HEADS):
        mine = slice(head * PART, (head + 1) * PART)
        query, key = (attention.c_attn.weight[:, at * WIDTH :][:, mine] for at in range(2))
        query.zero_(), key.zero_()
        mix = orthogonal(PART)
        query[content] = (mix @ view).T
        query[seen] = (mix @ further).T
        query *= SHARP / 16
        key[seen] = mix.T
    attention.c_attn.weight[:, 2 * WIDTH :] = value.T
    attention.c_proj.weight.copy_(BRING * size / 16 * value)
    model.transformer.ln_f.weight.fill_(LOUD)




def new_gpt2(embeddings: torch.Tensor) -> GPT2LMHeadModel:
    """GPT-2 form, 4.8 million parameters, head tied to the embeddings as in every GPT-2."""
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
        n_inner=FEED_FORWARD, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=EOS, eos_token_id=EOS,
        pad_token_id=PAD, task_specific_params={"detoxification": {"prompt": PROMPT}},
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    copy_initialize(model, embeddings)
    model.generation_config = GenerationConfig(
        num_beams=1, do_sample=False, max_length=POSITIONS, bos_token_id=EOS, eos_token_id=EOS, pad_token_id=PAD
    )
    return model
