"""The bundled models at the sizes that are published, with the same outputs: for benchmarks.

    python -m training.widened_checkpoints --out widened [--only bart-base gpt2]

Random weights of real size never end a text and choose among equals; these behave like the trained models that they are
made of: natural rewrites, ragged ends, labels that mean something. Hidden size 256 = 4 heads of 64 becomes 768 = 12 heads
of 64 (the scorer's 384 = 12 heads of 32 becomes 768 = 24 heads of 32), by arithmetic that leaves every result as it is:

- every feature stands three times (the scorer's twice), which changes no mean and no variance, so norms stay; a matrix
  stands in 3 x 3 blocks, each divided by three, so sums stay, and no block is zero;
- inner features of a feed-forward stand two to four times, the same way;
- layers are added in front that do nothing: copies of the first one with their inputs turned around, each by another
  number of places, since equal or empty matrices would be stored once by some engines and so lie in the cache; what their
  output projections make of the copies of a feature cancels out, and is a thousandth of what it was besides. Where norms
  come after the sum (BART, RoBERTa) the norms of added layers do nothing to a vector that is normalized; the embeddings'
  own weight and bias go to the last added norm;
- tokens that the tokenizer does not have never win, not even against tokens that a penalty has pressed down: their rows
  are one over the last norm's weights, so that a vector of mean zero cancels out and the norm's bias alone makes the
  logit, whatever the text. That is BART's. T5's norms have no bias and do not take the mean away, and in GPT-2 such rows
  are so large that 8 bits lose what cancels out: there such a token has half the row of a real one and half of its logit,
  which is less than the best where the best is positive;
- positions beyond the bundled model's repeat its own.

The sizes are BART-base's, GPT-2's, RoBERTa-base's (but for the heads) and those of T5 v1.1 base (gated GELU with 2048 inner
features: as many multiply-adds as the 3072 of T5-base). For a few rows the outputs are compared with the bundled model's, in fp32.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    logging,
)

from training.checkpoints import edit_json
from training.decode import read_prompt
from training.model_form import to_model_form
from training.reference import classifier_reference, generator_reference, read_texts

ROOT = Path(__file__).parent.parent
SILENT = 2.0**-10
"""What the copies of a feature are multiplied by, by their number."""
CANCELLING = {2: (1.0, -1.0), 3: (1.0, 1.0, -2.0), 4: (1.0, -1.0, 1.0, -1.0)}
"""Logits of tokens that the tokenizer does not have, from the first of them to twice that at the last one."""
UNKNOWN_LOGIT = -5.0

# What is compared: so many texts, none longer than what the bundled models read whole.
ROWS = 32
MAX_CHARACTERS = 300
MAX_INPUT = 120
MAX_NEW_TOKENS = 40
"""A norm of a normalized vector is that vector but for the norm's epsilon, beside the small variance of embeddings."""
LOGIT_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Widening:
    bundled: str
    family: type
    """How often a feature stands."""
    copies: int
    """Fields of config.json that the size changes; everything else is the bundled model's."""
    config: dict[str, object]
    """Longest input in tokens, of the tokenizer."""
    max_tokens: int
    """Table of word vectors, which is also the output matrix of a generator."""
    embedding: str
    """Tables of learned positions, and how many of their first rows are no positions."""
    positions: tuple[str, ...]
    position_offset: int
    position_count: int
    """Prefix of the layers of each stack, and their number."""
    stacks: dict[str, int]
    """Output projections, whose sums cancel out in an added layer."""
    silent: str
    """Of norms after the sum: all norms of a layer, its last one, and that of the embeddings for each stack."""
    norms: str | None
    last_norm: str | None
    embedding_norms: dict[str, str]
    """How often an inner feature of a feed-forward stands, and the matrices that read them and write them."""
    inner_copies: int
    inner_out: str
    inner_in: str
    """Norm whose output meets the tied embedding, and what it is multiplied by so that the logits stay."""
    last: str | None
    last_factor: float


WIDENINGS: dict[str, Widening] = {
    "bart-base": Widening(
        bundled="nano-bart",
        family=AutoModelForSeq2SeqLM,
        copies=3,
        config=dict(
            vocab_size=50265, d_model=768, encoder_layers=6, decoder_layers=6, num_hidden_layers=6,
            encoder_attention_heads=12, decoder_attention_heads=12, encoder_ffn_dim=3072, decoder_ffn_dim=3072,
            max_position_embeddings=1024,
            # today's transformers no longer writes these; converters of other engines ask for them
            normalize_before=False, normalize_embedding=True, add_final_layer_norm=False,
        ),
        max_tokens=1024,
        embedding="model.shared.weight",
        positions=("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"),
        position_offset=2,
        position_count=1024,
        stacks={"model.encoder.layers.": 6, "model.decoder.layers.": 6},
        silent=r"(out_proj|fc2)\.",
        norms=r"layer_norm\.",
        last_norm="final_layer_norm",
        embedding_norms={
            "model.encoder.layers.": "model.encoder.layernorm_embedding",
            "model.decoder.layers.": "model.decoder.layernorm_embedding",
        },
        inner_copies=4,
        inner_out=r"fc1\.",
        inner_in=r"fc2\.weight",
        last="model.decoder.layers.5.final_layer_norm",
        last_factor=1 / 3,
    ),
    "t5-base": Widening(
        bundled="nano-t5",
        family=AutoModelForSeq2SeqLM,
        copies=3,
        config=dict(
            vocab_size=32128, d_model=768, d_ff=2048, num_layers=12, num_decoder_layers=12, num_heads=12,
            n_positions=512,
        ),
        max_tokens=512,
        embedding="shared.weight",
        positions=(),
        position_offset=0,
        position_count=0,
        stacks={"encoder.block.": 12, "decoder.block.": 12},
        silent=r"(\.o|\.wo)\.",
        norms=None,
        last_norm=None,
        embedding_norms={},
        inner_copies=4,
        inner_out=r"wi_[01]\.",
        inner_in=r"wo\.weight",
        last="decoder.final_layer_norm",
        # the tied output is multiplied by d_model ** -0.5
        last_factor=3**0.5 / 3,
    ),
    "gpt2": Widening(
        bundled="nano-gpt2",
        family=AutoModelForCausalLM,
        copies=3,
        config=dict(vocab_size=50257, n_embd=768, n_inner=3072, n_layer=12, n_head=12, n_positions=1024, n_ctx=1024),
        max_tokens=1024,
        embedding="transformer.wte.weight",
        positions=("transformer.wpe.weight",),
        position_offset=0,
        position_count=1024,
        stacks={"transformer.h.": 12},
        silent=r"c_proj\.",
        norms=None,
        last_norm=None,
        embedding_norms={},
        inner_copies=3,
        inner_out=r"c_fc\.",
        inner_in=r"mlp\.c_proj\.weight",
        last="transformer.ln_f",
        last_factor=1 / 3,
    ),
    "roberta-base": Widening(
        bundled="nano-roberta",
        family=AutoModelForSequenceClassification,
        copies=2,
        config=dict(
            vocab_size=50265, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=24,
            max_position_embeddings=514,
        ),
        max_tokens=512,
        embedding="roberta.embeddings.word_embeddings.weight",
        positions=("roberta.embeddings.position_embeddings.weight",),
        position_offset=2,
        position_count=512,
        stacks={"roberta.encoder.layer.": 12},
        silent=r"output\.dense\.",
        norms=r"LayerNorm\.",
        last_norm="output.LayerNorm",
        embedding_norms={"roberta.encoder.layer.": "roberta.embeddings.LayerNorm"},
        inner_copies=2,
        inner_out=r"intermediate\.dense\.",
        inner_in=r"\d+\.output\.dense\.weight",
        last=None,
        last_factor=1,
    ),
}  # fmt: skip


def blocks(matrix: Tensor, outputs: int, inputs: int) -> Tensor:
    """[out, in] -> [outputs x out, inputs x in] that gives the same sums for inputs which stand so often."""
    return matrix.repeat(outputs, inputs) / inputs


def input_copies(name: str, plan: Widening) -> int:
    return plan.inner_copies if re.search(plan.inner_in, name) else plan.copies


def widen(name: str, tensor: Tensor, plan: Widening) -> Tensor:
    outputs = plan.inner_copies if re.search(plan.inner_out, name) else plan.copies
    inputs = input_copies(name, plan)
    vocabulary = plan.config["vocab_size"]
    if name == plan.embedding:
        wide = tensor.repeat(1, plan.copies)
        others = vocabulary - len(wide)
        return torch.cat([wide, wide.repeat(-(-others // len(wide)), 1)[:others] / 2])
    if name == "final_logits_bias":
        return torch.cat([tensor, tensor.new_zeros(1, vocabulary - tensor.shape[1])], dim=1)
    if name in plan.positions:
        head, wide = tensor[: plan.position_offset], tensor[plan.position_offset :]
        wide = wide.repeat(-(-plan.position_count // len(wide)), 1)[: plan.position_count]
        return torch.cat([head, wide]).repeat(1, plan.copies)
    if "relative_attention_bias" in name or "token_type_embeddings" in name:
        return tensor.repeat(1, plan.copies)
    if name == "classifier.out_proj.weight":
        return blocks(tensor, 1, plan.copies)
    if name == "classifier.out_proj.bias":
        return tensor
    if tensor.ndim == 1:
        parts = tensor.chunk(3) if "c_attn" in name else (tensor,)
        return torch.cat([part.repeat(outputs) for part in parts])
    if plan.bundled == "nano-gpt2":  # [in, out], and query, key and value are thirds of one
        parts = tensor.chunk(3, dim=1) if "c_attn" in name else (tensor,)
        return torch.cat([blocks(part.T, outputs, inputs).T for part in parts], dim=1)
    return blocks(tensor, outputs, inputs)


def added_matrix(name: str, matrix: Tensor, places: int, plan: Widening) -> Tensor:
    """The matrix with its inputs turned around; an output projection gives nothing for inputs that are copies."""
    inputs = 0 if plan.bundled == "nano-gpt2" else 1
    matrix = matrix.roll(places, inputs)
    if not re.search(plan.silent, name):
        return matrix
    factors = CANCELLING[input_copies(name, plan)]
    parts = matrix.chunk(len(factors), dim=inputs)
    return torch.cat([part * factor * SILENT for part, factor in zip(parts, factors, strict=True)], dim=inputs)


def add_layers(tensors: dict[str, Tensor], prefix: str, count: int, plan: Widening) -> dict[str, Tensor]:
    """Moves the layers of a stack to its end, and puts copies of the first one before them that do nothing."""
    number = re.compile(re.escape(prefix) + r"(\d+)\.(.+)")
    parts = {name: (int(match[1]), match[2]) for name in tensors if (match := number.match(name))}
    added = count - 1 - max(layer for layer, _ in parts.values())
    result = {name: tensor for name, tensor in tensors.items() if name not in parts}
    for name, (layer, rest) in parts.items():
        if "relative_attention_bias" in rest:  # of the first layer only, for all of them
            result[name] = tensors[name]
            continue
        result[f"{prefix}{layer + added}.{rest}"] = tensors[name]
        if layer > 0:
            continue
        for new in range(added):
            tensor = tensors[name].clone()
            if tensor.ndim == 2:
                tensor = added_matrix(name, tensor, new + 1, plan)
            elif re.search(plan.silent, rest):
                tensor = torch.zeros_like(tensor)
            elif plan.norms and re.search(plan.norms, rest):
                tensor = torch.full_like(tensor, float(rest.endswith("weight")))
            result[f"{prefix}{new}.{rest}"] = tensor
    if embedding_norm := plan.embedding_norms.get(prefix):
        for part, neutral in (("weight", 1.0), ("bias", 0.0)):
            result[f"{prefix}{added - 1}.{plan.last_norm}.{part}"] = result[f"{embedding_norm}.{part}"]
            result[f"{embedding_norm}.{part}"] = torch.full_like(result[f"{embedding_norm}.{part}"], neutral)
    return result


def unknown_rows(weight: Tensor, bias: Tensor, count: int) -> Tensor:
    """[count, features]: rows whose logits are always the same after a norm with this weight and bias."""
    row = 1 / weight
    row *= UNKNOWN_LOGIT / (row @ bias)
    return row * torch.linspace(1, 2, count)[:, None]


def write(plan: Widening, folder: Path) -> None:
    source = ROOT / "models" / plan.bundled
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_file() and file.name not in ("README.md", "model.safetensors", "known_words.txt"):
            shutil.copy(file, folder / file.name)
    edit_json(folder / "config.json", **plan.config)
    edit_json(folder / "tokenizer_config.json", model_max_length=plan.max_tokens)
    weights = load_file(source / "model.safetensors")
    tensors = {name: widen(name, tensor.float(), plan) for name, tensor in weights.items()}
    for prefix, count in plan.stacks.items():
        tensors = add_layers(tensors, prefix, count, plan)
    for name in tensors:
        if plan.last and name.startswith(plan.last):
            tensors[name] = tensors[name] * plan.last_factor
    if plan.norms is not None and f"{plan.last}.bias" in tensors:
        table, known = tensors[plan.embedding], len(weights[plan.embedding])
        weight, bias = tensors[f"{plan.last}.weight"], tensors[f"{plan.last}.bias"]
        table[known:] = unknown_rows(weight, bias, len(table) - known)
    tensors = {name: tensor.contiguous() for name, tensor in sorted(tensors.items())}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)


def outputs(plan: Widening, folder: Path, texts: list[str]) -> list[list[float]]:
    """Generated tokens, or logits."""
    model = plan.family.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not model.can_generate():
        return [classifier_reference(model, tokenizer, text, MAX_INPUT)["logits"] for text in texts]
    model.generation_config.max_new_tokens = MAX_NEW_TOKENS
    prompt = read_prompt(model.config)
    return [generator_reference(model, tokenizer, text, MAX_INPUT, prompt)["tokens"] for text in texts]


def check(plan: Widening, folder: Path, texts: list[str]) -> str:
    ours, theirs = outputs(plan, folder, texts), outputs(plan, ROOT / "models" / plan.bundled, texts)
    if plan.last is None:
        distance = (torch.tensor(ours) - torch.tensor(theirs)).abs().max().item()
        if distance > LOGIT_TOLERANCE:
            raise AssertionError(f"{folder}: logits differ from {plan.bundled}'s by {distance}")
        return f"logits within {distance:.0e} of {plan.bundled}'s on {len(texts)} texts"
    different = [row for row, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    if different:
        raise AssertionError(f"{folder}: rows {different} differ from {plan.bundled}'s")
    lengths = sorted(map(len, ours))
    return (
        f"the tokens of {plan.bundled} on {len(texts)} texts, "
        f"{lengths[0]} to {lengths[-1]} a text, half of them up to {lengths[len(lengths) // 2]}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=list(WIDENINGS), help="names of some of them")
    options = parser.parse_args()
    logging.set_verbosity_error()
    texts = map(to_model_form, read_texts(ROOT / "examples/comments.csv", None))
    texts = [text for text in texts if 0 < len(text) <= MAX_CHARACTERS][:ROWS]
    for name in options.only or WIDENINGS:
        folder = options.out / name
        write(WIDENINGS[name], folder)
        size = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values()) / 1e6
        print(f"{name}: {size:.0f} M parameters, {check(WIDENINGS[name], folder, texts)}")


if __name__ == "__main__":
    main()
