"""Reference outputs of transformers, in fp32, for the tests of the engine.

    python -m training.reference models/nano-bart examples/comments.csv --out reference.jsonl --limit 50

Seq2seq and decoder-only checkpoints: {text, input_tokens, tokens, output}; greedy search by `model.generate(num_beams=1)`
with the checkpoint's own generation_config; `tokens` are the generated ids without prompt, decoder start token and
padding, with the end token where there is one. `input_tokens` are those of the text in its prompt, if the checkpoint
names one (`task_specific_params.detoxification.prompt` in config.json) or `--prompt` does; `--prompt '{text}'` leaves
texts as they are. Classifiers: {text, input_tokens, logits, probabilities}. Encoders of sentences: {text, input_tokens,
embedding}, the mean of the last states, at length one.
Each text is run alone, in a batch of one, so that nothing depends on padding. `--model-form` puts each text into the
form the bundled models are trained on first (training/model_form.py); `text` is then that form.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from training.decode import read_prompt
from training.model_form import to_model_form

TEXT_COLUMNS = ("text", "comment_text", "comment", "sentence", "toxic", "source")


def read_texts(file: Path, column: str | None) -> Iterator[str]:
    """The texts of a .jsonl, .csv, .tsv or plain text file (one a line)."""
    if file.suffix == ".jsonl":
        for line in file.read_text(encoding="utf8").split("\n"):
            if line.strip():
                row = json.loads(line)
                yield row if isinstance(row, str) else row[column or "text"]
    elif file.suffix in (".csv", ".tsv"):
        with file.open(encoding="utf8", newline="") as handle:
            reader = csv.DictReader(handle, delimiter="," if file.suffix == ".csv" else "\t")
            names = reader.fieldnames or []
            name = column or next((known for known in TEXT_COLUMNS if known in names), names[0])
            for row in reader:
                yield row[name]
    else:
        for line in file.read_text(encoding="utf8").split("\n"):
            if line:
                yield line


def shorten(tokenizer, prompt: str, text: str, limit: int) -> str:
    """The text without its end, if it is longer than its prompt leaves room for: the prompt itself stays whole."""

    def fits(count: int) -> bool:
        return len(tokenizer(prompt.replace("{text}", text[:count]))["input_ids"]) <= limit

    if prompt.endswith("{text}") or fits(len(text)):  # the tokenizer's own truncation is right where nothing follows
        return text
    most, too_many = 0, len(text)
    while too_many - most > 1:
        middle = (most + too_many) // 2
        most, too_many = (middle, too_many) if fits(middle) else (most, middle)
    return text[:most]


@torch.no_grad()
def generator_reference(model, tokenizer, text: str, max_input: int, prompt: str = "{text}") -> dict[str, object]:
    filled = prompt.replace("{text}", shorten(tokenizer, prompt, text, max_input))
    inputs = tokenizer(filled, return_tensors="pt", truncation=True, max_length=max_input)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    generated = model.generate(input_ids=ids, attention_mask=mask, num_beams=1, do_sample=False)[0].tolist()
    before = 1 if model.config.is_encoder_decoder else ids.shape[1]
    tokens = generated[before:]
    return {
        "text": text,
        "input_tokens": ids[0].tolist(),
        "tokens": tokens,
        "output": tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False),
    }


@torch.no_grad()
def classifier_reference(model, tokenizer, text: str, max_input: int) -> dict[str, object]:
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_input)
    logits = model(**inputs).logits[0]
    return {
        "text": text,
        "input_tokens": inputs["input_ids"][0].tolist(),
        "logits": logits.tolist(),
        "probabilities": logits.softmax(-1).tolist(),
    }


@torch.no_grad()
def encoder_reference(model, tokenizer, text: str, max_input: int) -> dict[str, object]:
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_input)
    mean = model(**inputs).last_hidden_state[0].mean(0)
    embedding = [round(value, 7) for value in (mean / mean.norm()).tolist()]
    return {"text": text, "input_tokens": inputs["input_ids"][0].tolist(), "embedding": embedding}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("texts", type=Path, help=".jsonl, .csv, .tsv, or one text a line")
    parser.add_argument("--out", type=Path, help="JSONL file; standard output if absent")
    parser.add_argument("--column", help="name of the text column")
    parser.add_argument("--limit", type=int, help="only the first so many texts")
    parser.add_argument("--prompt", help="template around each text, with {text} in it; default: the checkpoint's own")
    parser.add_argument("--model-form", action="store_true", help="put the texts into the models' form first")
    options = parser.parse_args()

    config = AutoConfig.from_pretrained(options.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    names = config.architectures or []
    generates = config.is_encoder_decoder or any(name.endswith("LMHeadModel") for name in names)
    if generates:
        family = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = family.from_pretrained(options.checkpoint, dtype=torch.float32).eval()
        refer = partial(generator_reference, prompt=options.prompt or read_prompt(config))
        window = min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", sys.maxsize))
    else:
        classifies = any(name.endswith("ForSequenceClassification") for name in names)
        family = AutoModelForSequenceClassification if classifies else AutoModel
        model = family.from_pretrained(options.checkpoint, dtype=torch.float32).eval()
        offset = config.pad_token_id + 1 if config.model_type == "roberta" else 0
        refer = classifier_reference if classifies else encoder_reference
        window = config.max_position_embeddings - offset

    out = options.out.open("w", encoding="utf8") if options.out else sys.stdout
    for number, text in enumerate(read_texts(options.texts, options.column)):
        if options.limit is not None and number >= options.limit:
            break
        text = to_model_form(text) if options.model_form else text
        out.write(json.dumps(refer(model, tokenizer, text, window), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
