"""transformers: in fp32 as a first script has it, and with torch's dynamic int8."""

from __future__ import annotations

import torch
from texts import by_padded_tokens, padded
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    logging,
)

logging.set_verbosity_error()
torch.set_num_threads(1)


class Generator:
    def __init__(
        self, checkpoint: str, max_tokens: int, prompt: str, generation: dict, device: str = "cpu"
    ) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.prompt, self.max_tokens = prompt, max_tokens
        # JSON writes 10 for 10.0, and a penalty has to be a float.
        self.options = {name: float(value) if "penalty" in name else value for name, value in generation.items()}
        config = AutoConfig.from_pretrained(checkpoint)
        self.decoder_only = not config.is_encoder_decoder
        family = AutoModelForCausalLM if self.decoder_only else AutoModelForSeq2SeqLM
        if self.decoder_only:
            self.tokenizer.padding_side = "left"
            self.tokenizer.pad_token_id = config.pad_token_id
        dtype = torch.float32 if device == "cpu" else torch.float16
        self.model = family.from_pretrained(checkpoint, dtype=dtype).eval().to(device)
        self.model.generation_config.max_length = None
        self.model.generation_config.forced_eos_token_id = None
        self.end = self.model.generation_config.eos_token_id

    @torch.inference_mode()
    def run(self, texts: list[str], settings: dict) -> list[list[int]]:
        order = list(range(len(texts)))
        if settings["sorted"]:
            order.sort(key=lambda i: len(texts[i]))
        tokens: list[list[int]] = [[] for _ in texts]
        for start in range(0, len(order), settings["batch"]):
            batch = order[start : start + settings["batch"]]
            inputs = self.tokenizer(
                [self.prompt.replace("{text}", texts[i]) for i in batch],
                return_tensors="pt", padding=True, truncation=True, max_length=self.max_tokens,
            ).to(self.model.device)  # fmt: skip
            ids, mask = inputs["input_ids"], inputs["attention_mask"]
            generated = self.model.generate(input_ids=ids, attention_mask=mask, do_sample=False, **self.options)
            generated = generated[:, ids.shape[1] if self.decoder_only else 1 :]
            self.tokenizer.batch_decode(generated, skip_special_tokens=True)
            for index, row in zip(batch, generated.tolist(), strict=True):
                tokens[index] = row[: row.index(self.end) + 1] if self.end in row else row
        return tokens


class Classifier:
    def __init__(self, checkpoint: str, max_tokens: int, int8: bool) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.max_tokens = max_tokens
        model = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32).eval()
        linear = {torch.nn.Linear}
        self.model = torch.ao.quantization.quantize_dynamic(model, linear, dtype=torch.qint8) if int8 else model

    @torch.inference_mode()
    def run(self, texts: list[str], settings: dict) -> list[list[float]]:
        rows = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
        logits: list[list[float]] = [[] for _ in rows]
        for batch in by_padded_tokens(rows, settings["padded_tokens"]):
            ids, mask = padded([rows[i] for i in batch], self.tokenizer.pad_token_id)
            output = self.model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
            for index, row in zip(batch, output.tolist(), strict=True):
                logits[index] = row
        return logits
