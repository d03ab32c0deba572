"""Files of weights in every form that torch and safetensors write: fixtures for the readers of src/engine/checkpoint.

    python -m training.tiny_weights --out test/fixtures/weights

One state dict of a few hundred bytes, with what real ones have (a tied weight, an integer buffer, a parameter, a
scalar) and what they rarely have (a transposed and a strided view, an empty tensor). `expected.json` holds every
tensor's dtype, shape and values as torch reads them back.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
NAMES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
    torch.bool: "BOOL",
}  # fmt: skip


def state_dict(dtype: torch.dtype) -> OrderedDict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    words = torch.randn(7, 4, generator=generator).to(dtype)
    wide = torch.randn(3, 5, 2, generator=generator).to(dtype)
    state = OrderedDict(
        {
            "shared.weight": words,
            "encoder.embed_tokens.weight": words,
            "linear.weight": torch.nn.Parameter(torch.randn(2, 3, generator=generator).to(dtype)),
            "linear.bias": torch.randn(2, generator=generator).to(dtype),
            "row": words[2],
            "transposed": words.t(),
            "permuted": wide.permute(2, 0, 1),
            "strided": wide[:, ::2, 1],
            "scalar": torch.tensor(1.5, dtype=dtype),
            "empty": torch.zeros(0, 4, dtype=dtype),
            "position_ids": torch.arange(5).expand(1, -1),
            "mask": torch.tensor([True, False]),
            "double": torch.tensor([0.1], dtype=torch.float64),
        }
    )
    state._metadata = OrderedDict({"": {"version": 1}, "linear": {"version": 1}})
    return state


def describe(state: dict[str, torch.Tensor]) -> dict[str, dict[str, object]]:
    return {
        name: {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "values": tensor.flatten().tolist()}
        for name, tensor in state.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    expected = {}
    for name, dtype in DTYPES.items():
        torch.save(state_dict(dtype), out / f"{name}.bin")
        back = torch.load(out / f"{name}.bin", weights_only=True)
        expected[f"{name}.bin"] = describe(back)
        # safetensors keeps each tensor once and in row-major order
        plain = {key: value.contiguous().clone() for key, value in back.items()}
        save_file(plain, out / f"{name}.safetensors")
        expected[f"{name}.safetensors"] = describe(plain)
    (out / "expected.json").write_text(json.dumps(expected) + "\n")
    torch.save(state_dict(torch.float32), out / "old-form.bin", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": state_dict(torch.float32)}, out / "training.bin")
    torch.save(state_dict(torch.float32), out / "protocol4.bin", pickle_protocol=4)

    # The same small model in the shards that transformers writes, in both formats.
    torch.manual_seed(3)
    shape = dict(hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, vocab_size=9)
    model = BertModel(BertConfig(max_position_embeddings=8, **shape))
    for folder, safe in (("shards-safetensors", True), ("shards-torch", False)):
        model.save_pretrained(out / folder, safe_serialization=safe, max_shard_size=400)
    model.save_pretrained(out / "whole-safetensors", safe_serialization=True)
    model.save_pretrained(out / "whole-torch", safe_serialization=False)


if __name__ == "__main__":
    main()
