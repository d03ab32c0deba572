"""Fine-tunes a published checkpoint on our data, into a folder that detoxq takes.

    python -m training.finetune --task detoxify --base gpt2 --out models/gpt2-detox
    python -m training.finetune --task detoxify --base facebook/bart-base --out models/bart-base-detox
    python -m training.finetune --task classify --base bert-base-uncased --out models/bert-toxicity

`--base` is a hub id or a folder. detoxify: BART, T5 and GPT-2; ParaDetox's training pairs after the filter of
training/pairs.py, the hand-written pairs, and a tenth of copies. classify: BERT and RoBERTa with two labels, neutral
and toxic; Jigsaw's training rows and both sides of the pairs. All text is in the model form, as detoxq feeds it.
A base that reads its text in a prompt (GPT-2, T5) gets one, which config.json keeps and detoxq reads there.

One GPU if torch sees one, else the CPU. Seeded; the state stands in OUT.training.pt, and the same command goes on from it
after an interruption (it may be deleted when the folder is written). The rows seen by one step are `--batch` times
`--accumulate`: raise the second where memory does not allow the first.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from training.authored import authored_pairs
from training.checkpoints import save_weights
from training.corpora import Corpora
from training.decode import read_prompt
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.model import LABELS
from training.pairs import good_pairs

PROMPTS = {"bart": "{text}", "mbart": "{text}", "t5": "paraphrase: {text}", "gpt2": "{text} =>"}
SCORERS = ("bert", "roberta")
COPIES = 0.1  # neutral sentences that are to stay as they are, in a detoxifier's training rows
WARM_UP = 0.06  # of all steps
IGNORED = -100  # label of a position that no loss is taken at

Sample = tuple[str, str | int]


@dataclass(frozen=True)
class Options:
    base: str
    out: Path
    epochs: float = 3.0
    batch: int = 16
    accumulate: int = 2
    learning_rate: float = 5e-5
    max_tokens: int = 128
    seed: int = 7
    prompt: str | None = None

    @property
    def state_file(self) -> Path:
        return self.out.parent / f"{self.out.name}.training.pt"


class Task(Protocol):
    model: PreTrainedModel

    def loss(self, samples: list[Sample]) -> torch.Tensor: ...

    def report(self, dev: list[Sample]) -> str: ...


def right_padded(rows: list[list[int]], value: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


class Detoxify:
    """Samples are (toxic, neutral). The loss is that of the neutral side's tokens."""

    def __init__(self, options: Options, device: torch.device) -> None:
        config = AutoConfig.from_pretrained(options.base)
        if config.model_type not in PROMPTS:
            raise SystemExit(f"{options.base} is a {config.model_type}: a detoxifier is one of {', '.join(PROMPTS)}")
        own = read_prompt(config)
        self.prompt = options.prompt or (own if own != "{text}" else PROMPTS[config.model_type])
        if "{text}" not in self.prompt:
            raise SystemExit(f"the prompt {self.prompt!r} has no {{text}} in it")
        self.both_sides = config.is_encoder_decoder
        self.tokenizer = AutoTokenizer.from_pretrained(options.base)
        self.limit, self.device = options.max_tokens, device
        family = AutoModelForSeq2SeqLM if self.both_sides else AutoModelForCausalLM
        self.model = family.from_pretrained(options.base, dtype=torch.float32).to(device)
        self.end = self.model.config.eos_token_id
        if self.model.config.pad_token_id is None:  # GPT-2 has none, and masked positions may hold anything
            self.model.config.pad_token_id = self.end
        tasks = self.model.config.task_specific_params or {}
        self.model.config.task_specific_params = {**tasks, "detoxification": {"prompt": self.prompt}}
        generation = self.model.generation_config
        generation.max_length = self.limit if self.both_sides else 2 * self.limit  # a decoder alone counts its prompt
        generation.pad_token_id = self.model.config.pad_token_id

    def ids(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer(texts, truncation=True, max_length=self.limit)["input_ids"]

    def loss(self, samples: list[Sample]) -> torch.Tensor:
        sources = self.ids([self.prompt.replace("{text}", source) for source, _ in samples])
        if self.both_sides:
            targets = self.ids([str(target) for _, target in samples])
            labels = right_padded(targets, IGNORED)
        else:  # the rewrite continues the prompt, with a space between
            targets = [[*row[: self.limit - 1], self.end] for row in self.ids([f" {target}" for _, target in samples])]
            labels = right_padded([[IGNORED] * len(s) + t for s, t in zip(sources, targets, strict=True)], IGNORED)
            sources = [s + t for s, t in zip(sources, targets, strict=True)]
        ids = right_padded(sources, self.model.config.pad_token_id)
        mask = right_padded([[1] * len(row) for row in sources], 0)
        inputs = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return self.model(**{name: value.to(self.device) for name, value in inputs.items()}).loss

    @torch.no_grad()
    def report(self, dev: list[Sample]) -> str:
        losses = [self.loss(dev[at : at + 16]).item() for at in range(0, len(dev), 16)]
        return f"dev loss {np.mean(losses):.4f}"


class Classify:
    """Samples are (text, 0 neutral or 1 toxic)."""

    def __init__(self, options: Options, device: torch.device) -> None:
        config = AutoConfig.from_pretrained(options.base)
        if config.model_type not in SCORERS:
            raise SystemExit(f"{options.base} is a {config.model_type}: a scorer is one of {', '.join(SCORERS)}")
        self.tokenizer = AutoTokenizer.from_pretrained(options.base)
        self.limit, self.device = options.max_tokens, device
        names = {name: number for number, name in LABELS.items()}
        self.model = AutoModelForSequenceClassification.from_pretrained(
            options.base, dtype=torch.float32, num_labels=2, id2label=LABELS, label2id=names
        ).to(device)

    def logits(self, texts: list[str]) -> torch.Tensor:
        inputs = self.tokenizer(texts, truncation=True, max_length=self.limit, padding=True, return_tensors="pt")
        return self.model(**inputs.to(self.device)).logits

    def loss(self, samples: list[Sample]) -> torch.Tensor:
        labels = torch.tensor([int(label) for _, label in samples], device=self.device)
        return cross_entropy(self.logits([text for text, _ in samples]), labels)

    @torch.no_grad()
    def report(self, dev: list[Sample]) -> str:
        texts, labels = [text for text, _ in dev], np.array([label for _, label in dev])
        parts = [self.logits(texts[at : at + 16]).softmax(-1)[:, 1] for at in range(0, len(texts), 16)]
        p = torch.cat(parts).cpu().numpy()
        return f"dev AUC {roc_auc_score(labels, p):.4f} accuracy {((p > 0.5) == labels).mean():.4f}"


TASKS: dict[str, Callable[[Options, torch.device], Task]] = {"detoxify": Detoxify, "classify": Classify}


def samples_of(task: str, corpora: Corpora) -> tuple[list[Sample], list[Sample]]:
    """For training, for choices. Held-out sentences (training/corpora.py) are in neither."""
    written, _ = authored_pairs()
    if task == "detoxify":
        pairs: list[Sample] = [(pair.toxic, text) for pair in good_pairs(corpora) for text in pair.neutral]
        pairs += written
        neutral = random.Random(0).choices(corpora.neutral_pools["chat"], k=int(COPIES * len(pairs)))
        return pairs + [(text, text) for text in neutral], [(p.toxic, p.neutral[0]) for p in corpora.pairs_dev]
    rows: list[Sample] = list(corpora.jigsaw_train)
    for toxic, neutral in written + [(pair.toxic, pair.neutral[0]) for pair in corpora.pairs_train]:
        rows += [(toxic, 1), (neutral, 0)]
    return rows, list(corpora.jigsaw_dev)


def fine_tune(kind: str, options: Options, rows: list[Sample], dev: list[Sample]) -> Task:
    """Trains, and writes the folder `options.out`."""
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = TASKS[kind](options, device)
    batches = max(1, len(rows) // options.batch)
    steps = max(1, round(options.epochs * batches / options.accumulate))
    schedule = Schedule(steps, options.batch, options.learning_rate, warm_up=max(1, round(WARM_UP * steps)))
    print(f"{len(rows)} rows, {steps} steps of {options.batch * options.accumulate}, on {device}", flush=True)

    blocks_an_epoch = math.ceil(batches / BATCHES_PER_BLOCK)

    def block(number: int) -> Iterator[list[Sample]]:
        """A part of an epoch. An epoch takes all rows once, those of like length together, in its own order."""
        epoch, part = divmod(number, blocks_an_epoch)
        rng = random.Random(f"{options.seed}-{epoch}")
        order = sorted(rows, key=lambda sample: len(sample[0]) * (1 + 0.2 * rng.random()))
        groups = [order[at : at + options.batch] for at in range(0, batches * options.batch, options.batch)]
        rng.shuffle(groups)
        yield from groups[part * BATCHES_PER_BLOCK : (part + 1) * BATCHES_PER_BLOCK]

    options.out.parent.mkdir(parents=True, exist_ok=True)
    train(
        task.model, block, task.loss, schedule, options.state_file, lambda: task.report(dev),
        report_every=max(1, min(500, steps // 4)), accumulate=options.accumulate,
    )  # fmt: skip
    print(task.report(dev), flush=True)
    save_weights(task.model.cpu(), options.out, half=False)
    task.tokenizer.save_pretrained(options.out)
    return task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=tuple(TASKS), required=True)
    parser.add_argument("--base", required=True, help="hub id or folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--epochs", type=float, default=Options.epochs)
    parser.add_argument("--batch", type=int, default=Options.batch)
    parser.add_argument("--accumulate", type=int, default=Options.accumulate)
    parser.add_argument("--learning-rate", type=float, default=Options.learning_rate)
    parser.add_argument("--max-tokens", type=int, default=Options.max_tokens, help="a side; longer ones are cut")
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--prompt", help="detoxify: template with {text} in it; default: the base's own, or its family's")
    given = vars(parser.parse_args())
    task, data = given.pop("task"), given.pop("data")
    fine_tune(task, Options(**given), *samples_of(task, Corpora(data)))


if __name__ == "__main__":
    main()
