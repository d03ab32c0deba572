"""Checkpoints in the forms that other engines want.

    python bench/peers/convert.py ct2 CHECKPOINT FOLDER
    python bench/peers/convert.py onnx CHECKPOINT FOLDER     (model.onnx, int8.onnx and int8-fused.onnx)
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import transformers
from ctranslate2.converters import TransformersConverter
from transformers import AutoModelForSequenceClassification, AutoTokenizer

transformers.logging.set_verbosity_error()


class Converter(TransformersConverter):
    """As published, but for a vocabulary with names for all rows of the matrix, and no pooler that nobody trained."""

    def load_model(self, model_class, path, **options):
        if model_class is transformers.RobertaModel:
            options["add_pooling_layer"] = False
        self.model = super().load_model(model_class, path, **options)
        return self.model

    def load_tokenizer(self, tokenizer_class, path, **options):
        tokenizer = super().load_tokenizer(tokenizer_class, path, **options)
        tokenizer.add_tokens([f"<unused{i}>" for i in range(len(tokenizer), self.model.config.vocab_size)])
        return tokenizer


def to_onnx(checkpoint: Path, folder: Path) -> None:
    """`int8.onnx` is what quantize_dynamic makes of the export, `int8-fused.onnx` of the graph that onnxruntime's own
    optimizer for BERT makes of it. Both without the highest bit of weights: without VNNI u8 x s8 saturates."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    folder.mkdir(parents=True, exist_ok=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    inputs = AutoTokenizer.from_pretrained(checkpoint)(["a text", "another, longer text"], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask"]
    torch.onnx.export(
        model, tuple(inputs[name] for name in names), folder / "model.onnx", input_names=names, output_names=["logits"],
        dynamic_axes={name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}},
        opset_version=17, dynamo=False,
    )  # fmt: skip
    reduce_range = "avx512_vnni" not in Path("/proc/cpuinfo").read_text()
    quantize = {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": reduce_range}
    quantize_dynamic(folder / "model.onnx", folder / "int8.onnx", **quantize)
    fused = optimizer.optimize_model(
        str(folder / "model.onnx"), model_type="bert",
        num_heads=model.config.num_attention_heads, hidden_size=model.config.hidden_size,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        fused.save_model_to_file(f"{scratch}/fused.onnx")
        types = {"DefaultTensorType": TensorProto.FLOAT}  # outputs of fused operators, which no inference knows
        quantize_dynamic(f"{scratch}/fused.onnx", folder / "int8-fused.onnx", extra_options=types, **quantize)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=["ct2", "onnx"])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.form == "ct2":
        Converter(str(options.checkpoint)).convert(str(options.folder), quantization="int8", force=True)
    else:
        to_onnx(options.checkpoint, options.folder)


if __name__ == "__main__":
    main()
