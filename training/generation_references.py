"""Reference outputs of `transformers.generate` over a grid of options, for the tests of the search.

    python -m training.generation_references --out test/fixtures/generation

For each generator a `<name>.jsonl`: first a line `{texts | prompts}`, then a line for each case,
`{options, rows: [[{tokens, score, logprob}, ...], ...]}`: for each text the `num_return_sequences` outputs, best first.
`tokens` are the generated ids without start token or prompt, up to the first end token; `score` is transformers'
`sequences_scores` (null without beams), `logprob` the sum of the log-probabilities that the model itself gives the
tokens, before any penalty. Every text runs alone: nothing depends on padding. Random weights make beams that are equal
but for rounding: where noise of 1e-5 on the scores changes the tokens, nobody can be held to them, and null stands for
the text's outputs.

The generators are the tiny checkpoints of test/fixtures/checkpoints, and a model without weights: logits that are a
hash of the last two tokens and the position, exact in fp32, which a test can compute too. It continues a prompt.
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessor,
    LogitsProcessorList,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutput

from training.tiny_checkpoints import TEXTS

CHECKPOINTS = Path("test/fixtures/checkpoints")
SEQ2SEQ_TEXTS = [TEXTS[i] for i in (0, 1, 3, 5, 11, 14, 15, 18)]
CAUSAL_TEXTS = [TEXTS[i] for i in (0, 1, 3, 7, 9, 14)]

# The table model.
TABLE_VOCABULARY = 48
TABLE_END = 2
TABLE_PROMPTS = [[5], [7, 9], [11, 3, 11, 3], [1], [20, 21, 22, 20, 21], [40, 8, 8], [33, 47, 6], [4, 4, 4, 4, 4, 4]]


def table_logits(before: int, last: int, position: int) -> list[float]:
    """Logits of the next token: 20 bits of a hash of (before, last, position, token), from -6 to 6 in steps of 12/2^20.
    The end token gets 1 more, or everything would run into the limit."""
    row = []
    for token in range(TABLE_VOCABULARY):
        bits = (before * 0x9E3779B1 + last * 0x85EBCA6B + position * 0xC2B2AE35 + token * 0x27D4EB2F) & 0xFFFFFFFF
        bits = ((bits ^ (bits >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
        bits = ((bits ^ (bits >> 12)) * 0x297A2D39) & 0xFFFFFFFF
        bits ^= bits >> 15
        row.append((bits >> 12) * 12 / 2**20 - 6 + (1 if token == TABLE_END else 0))
    return row


class TableConfig(PretrainedConfig):
    model_type = "table"

    def __init__(self, **options):
        super().__init__(vocab_size=TABLE_VOCABULARY, num_hidden_layers=1, **options)


class TableModel(PreTrainedModel, GenerationMixin):
    config_class = TableConfig

    def __init__(self):
        super().__init__(TableConfig())
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.generation_config = GenerationConfig(eos_token_id=TABLE_END, pad_token_id=0, max_length=24)

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}

    def forward(self, input_ids, return_dict=True, **_):
        rows = []
        for ids in input_ids.tolist():
            places = range(len(ids))
            rows.append([table_logits(ids[i - 1] if i > 0 else 0, ids[i], i) for i in places])
        return CausalLMOutput(logits=torch.tensor(rows, dtype=torch.float32))


def cases(end: int, words: list[int], prompt: int) -> list[dict[str, object]]:
    """Every option alone in greedy search and in beams, and the combinations that people use.

    :param words: five token ids that are no special tokens and appear in outputs
    :param prompt: tokens of a long prompt, which counts in lengths; 0 for a model with an encoder
    """
    a, b, c, d, e = words
    single = [
        {},
        {"max_new_tokens": 5},
        {"max_length": 12},
        {"min_length": 14},
        {"min_new_tokens": 11},
        {"no_repeat_ngram_size": 1, "max_new_tokens": 12},
        {"no_repeat_ngram_size": 2},
        {"no_repeat_ngram_size": 3},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 10.0},
        {"repetition_penalty": 0.8},
        {"encoder_no_repeat_ngram_size": 1},
        {"encoder_no_repeat_ngram_size": 2},
        {"bad_words_ids": [[a], [b], [c, d], [d, e, a], [b, c, d, e], [end]]},
        {"suppress_tokens": [a, c, e]},
        {"begin_suppress_tokens": [a, b, c, d]},
        {"forced_bos_token_id": b},
        {"forced_bos_token_id": b, "begin_suppress_tokens": [a, c, d, e]},
        {"forced_eos_token_id": end, "max_length": 10},
        {"forced_eos_token_id": [end, e], "max_new_tokens": 6},
        {"eos_token_id": [end, a, c]},
    ]  # fmt: skip
    beams = [
        {"num_beams": 2},
        {"num_beams": 4, "num_return_sequences": 4},
        {"num_beams": 3, "early_stopping": True},
        {"num_beams": 3, "early_stopping": False, "length_penalty": 2.0},
        {"num_beams": 3, "early_stopping": "never"},
        {"num_beams": 3, "early_stopping": "never", "length_penalty": 0.0},
        {"num_beams": 4, "length_penalty": -1.5, "num_return_sequences": 2},
        {"num_beams": 4, "length_penalty": 0.5, "early_stopping": True, "num_return_sequences": 3},
    ]
    # As bart-base-detox's own config.json has it, the inference script of ParaDetox, and its function for T5.
    detox = {"early_stopping": True, "forced_bos_token_id": b, "forced_eos_token_id": end, "no_repeat_ngram_size": 3}
    together = [
        {"num_beams": 4, **detox},
        {"num_beams": 4, **detox, "repetition_penalty": 10.0, "max_length": 30},
        {"num_beams": 5, "no_repeat_ngram_size": 3, "repetition_penalty": 10.0, "early_stopping": True,
         "max_length": 32, "num_return_sequences": 5},
        {"num_beams": 3, "repetition_penalty": 3.0, "bad_words_ids": [[a]], "max_length": 25},
        {"num_beams": 4, "eos_token_id": [end, a, c], "min_length": 8, "suppress_tokens": [b, d],
         "num_return_sequences": 2},
        {"num_beams": 2, "max_new_tokens": 1, "num_return_sequences": 2},
    ]  # fmt: skip
    # Not with several forced ends: those are equal, and which of equal ones torch.topk takes is nobody's promise.
    in_beams = [
        {"num_beams": 3, **options}
        for options in single
        if options and not isinstance(options.get("forced_eos_token_id"), list)
    ]
    for options in [*single, *beams, *together, *in_beams]:
        for name in {"min_length", "max_length"} & options.keys():
            options[name] += prompt
    return [*single, *beams, *together, *in_beams]


@torch.no_grad()
def outputs(model, inputs: torch.Tensor, options: dict[str, object]) -> list[dict[str, object]]:
    # Otherwise max_new_tokens of a checkpoint would win over the max_length of a case.
    lengths = {"max_new_tokens": None} if "max_length" in options else {}
    generated = model.generate(inputs, **options, **lengths, return_dict_in_generate=True, output_scores=True)
    ends = options.get("eos_token_id", model.generation_config.eos_token_id)
    ends = ends if isinstance(ends, list) else [ends]
    encoder_decoder = model.config.is_encoder_decoder
    start = 1 if encoder_decoder else inputs.shape[1]
    rows = []
    scores = getattr(generated, "sequences_scores", None)
    for number, sequence in enumerate(generated.sequences):
        tokens = sequence.tolist()[start:]
        first_end = next((place for place, token in enumerate(tokens) if token in ends), None)
        tokens = tokens if first_end is None else tokens[: first_end + 1]
        whole = torch.tensor([sequence.tolist()[:start] + tokens])
        logits = (
            model(input_ids=inputs, decoder_input_ids=whole[:, :-1]).logits
            if encoder_decoder
            else model(input_ids=whole[:, :-1]).logits
        )
        log_probs = logits[0, start - 1 :].log_softmax(-1)
        total = sum(float(log_probs[place, token]) for place, token in enumerate(tokens))
        score = None if scores is None else round(float(scores[number]), 5)
        rows.append({"tokens": tokens, "score": score, "logprob": round(total, 5)})
    return rows


class Noise(LogitsProcessor):
    """Moves scores as much as another order of additions might, and more."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids, scores):
        return scores + 1e-5 * (2 * torch.rand(scores.shape, generator=self.generator) - 1)


def sure(model, inputs: torch.Tensor, options: dict[str, object]) -> list[dict[str, object]] | None:
    """Outputs, or None where noise changes them."""
    plain = outputs(model, inputs, options)
    for seed in (1, 2) if options.get("num_beams", 1) > 1 else ():
        noisy = outputs(model, inputs, {**options, "logits_processor": LogitsProcessorList([Noise(seed)])})
        if [output["tokens"] for output in noisy] != [output["tokens"] for output in plain]:
            return None
    return plain


def write(file: Path, head: dict[str, object], model, inputs: list[torch.Tensor], grid: list[dict[str, object]]) -> None:
    lines = [head]
    for options in grid:
        lines.append({"options": options, "rows": [sure(model, each, options) for each in inputs]})
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    file.write_text(text, encoding="utf8")
    different = len({json.dumps(line.get("rows")) for line in lines})
    unsure = sum(row is None for line in lines for row in line.get("rows", []))
    print(f"{file}: {len(grid)} cases, {different - 1} different outputs, {unsure} unsure, {len(text) // 1024} KiB")


def frequent(model, inputs: list[torch.Tensor], specials: set[int]) -> list[int]:
    """The five tokens that are generated most, so that bans and penalties change something."""
    counts: dict[int, int] = {}
    for each in inputs:
        for token in outputs(model, each, {})[0]["tokens"]:
            if token not in specials:
                counts[token] = counts.get(token, 0) + 1
    return sorted(counts, key=lambda token: (-counts[token], token))[:5]


def write_checkpoint(out: Path, name: str) -> None:
    folder = CHECKPOINTS / name
    causal = not AutoConfig.from_pretrained(folder).is_encoder_decoder
    loader = AutoModelForCausalLM if causal else AutoModelForSeq2SeqLM
    model = loader.from_pretrained(folder, torch_dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = CAUSAL_TEXTS if causal else SEQ2SEQ_TEXTS
    inputs = [tokenizer(text, return_tensors="pt").input_ids for text in texts]
    ends = model.generation_config.eos_token_id
    end = ends[0] if isinstance(ends, list) else ends
    words = frequent(model, inputs, set(tokenizer.all_special_ids))
    write(out / f"{name}.jsonl", {"texts": texts}, model, inputs, cases(end, words, max(each.shape[1] for each in inputs) if causal else 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("names", nargs="*", default=["table", "tiny-bart"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        if name == "table":
            inputs = [torch.tensor([prompt]) for prompt in TABLE_PROMPTS]
            model = TableModel().eval()
            words = frequent(model, inputs, {0, 1, TABLE_END})
            grid = cases(TABLE_END, words, prompt=8)
            write(options.out / "table.jsonl", {"prompts": TABLE_PROMPTS}, model, inputs, grid)
        else:
            write_checkpoint(options.out, name)


if __name__ == "__main__":
    main()
