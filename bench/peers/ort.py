"""onnxruntime for Python with a graph that torch exported, fused and dynamically quantized (bench/peers/convert.py)."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
from texts import by_padded_tokens, load_tokenizer, padded


class Classifier:
    def __init__(self, checkpoint: str, model: str, max_tokens: int) -> None:
        self.tokenizer = load_tokenizer(checkpoint, max_tokens)
        self.pad = json.loads((Path(checkpoint) / "config.json").read_text())["pad_token_id"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # The fused graph takes the mask in 32 bits.
        self.types = {
            value.name: "int32" if value.type == "tensor(int32)" else "int64" for value in self.session.get_inputs()
        }

    def run(self, texts: list[str], settings: dict) -> list[list[float]]:
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        logits: list[list[float]] = [[] for _ in rows]
        for batch in by_padded_tokens(rows, settings["padded_tokens"]):
            ids, mask = padded([rows[i] for i in batch], self.pad)
            inputs = {"input_ids": ids, "attention_mask": mask}
            inputs = {name: value.astype(self.types[name]) for name, value in inputs.items()}
            (output,) = self.session.run(["logits"], inputs)
            for index, row in zip(batch, output.tolist(), strict=True):
                logits[index] = row
        return logits
