"""The training loop that both networks share: blocks of samples, cosine schedule in steps, checkpoint and resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

BATCHES_PER_BLOCK = 30
WEIGHT_DECAY = 0.02
BETAS = (0.9, 0.98)
SAVE_EVERY = 250  # steps
FLOOR = 0.02  # share of the learning rate that is left at the end


@dataclass(frozen=True)
class Schedule:
    steps: int
    batch: int
    learning_rate: float
    warm_up: int

    def rate(self, step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up) * (FLOOR + (1 - FLOOR) * cosine)


def optimizer_for(model: torch.nn.Module) -> torch.optim.AdamW:
    """AdamW; matrices outside the embeddings decay, nothing else does."""
    hidden, rest = [], []
    for name, weight in model.named_parameters():
        (hidden if weight.ndim == 2 and "embed" not in name and "shared" not in name else rest).append(weight)
    groups = [{"params": hidden, "weight_decay": WEIGHT_DECAY}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, fused=True)


def train(
    model: torch.nn.Module,
    blocks: Callable[[int], Iterator[object]],
    loss_of: Callable[[object], torch.Tensor],
    schedule: Schedule,
    state_file: Path,
    report: Callable[[], str],
    report_every: int = 250,
    average: float | None = None,
    accumulate: int = 1,
) -> dict[str, torch.Tensor] | None:
    """Runs `schedule.steps` steps, from `state_file` on if it exists.

    `blocks(n)` gives the batches of block n and must depend on n alone, so that a resumed run sees the same samples
    but for those of the block it was stopped in. With `average` an exponential moving average of the weights
    (that decay a step) is kept and returned. A step adds up the gradients of `accumulate` batches.
    """
    optimizer = optimizer_for(model)
    step, block, waiting = 0, 0, 0
    mean = {name: value.clone() for name, value in model.state_dict().items()} if average else None
    if state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location=next(model.parameters()).device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, block, mean = state["step"], state["block"], state["mean"]
        print(f"resumed at step {step}", flush=True)

    started, first, smooth = time.monotonic(), step, math.nan
    model.train()
    while step < schedule.steps:
        for batch in blocks(block):
            if step >= schedule.steps:
                break
            loss = loss_of(batch)
            (loss / accumulate).backward()
            waiting += 1
            if waiting < accumulate:
                continue
            waiting = 0
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            smooth = loss.item() if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss.item()
            if mean is not None and average is not None:
                blend(mean, model, min(average, 1 - 1 / (1 + step / 10)))
            if step % report_every == 0:
                model.eval()
                pace = (step - first) / (time.monotonic() - started)
                print(f"step {step} {pace:.2f}/s loss {smooth:.3f} {report()}", flush=True)
                model.train()
            if step % SAVE_EVERY == 0:
                save_state(state_file, model, optimizer, step, block + 1, mean)
        block += 1
    save_state(state_file, model, optimizer, step, block, mean)
    model.eval()
    return mean


@torch.no_grad()
def blend(mean: dict[str, torch.Tensor], model: torch.nn.Module, keep: float) -> None:
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            mean[name].lerp_(value, 1 - keep)


def save_state(
    file: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    block: int,
    mean: dict[str, torch.Tensor] | None,
) -> None:
    partial = file.with_suffix(".partial")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "block": block}
    torch.save({**state, "mean": mean}, partial)
    partial.replace(file)
