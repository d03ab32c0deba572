"""Trains the detoxifier: `pretrain` on noise, then `finetune` on pairs, then `export` to a Hugging Face folder.

    python -m training.detoxifier --data ../shared/data --work /tmp/detoxq-training --out models/nano-bart

runs all that has not been run yet; `--stage` runs one. Everything is seeded; a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from transformers import BartForConditionalGeneration

from training.authored import authored_pairs
from training.checkpoints import EOS, PAD, encode, load_bpe, pad, save_tokenizer, save_weights, train_bpe
from training.corpora import Corpora
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.mixture import FinetuneSamples, PretrainSamples, Samples
from training.model import DETOXIFIER_POSITIONS, VOCABULARY, new_detoxifier, set_dropout
from training.noise import Noise, mine_rules
from training.templates import neutral_words

SEED = 11
PRETRAIN = Schedule(steps=3200, batch=32, learning_rate=1.2e-3, warm_up=80)
FINETUNE = Schedule(steps=2400, batch=32, learning_rate=7e-4, warm_up=60)
LABEL_SMOOTHING = 0.1
FINETUNE_DROPOUT = 0.1
AVERAGE = 0.998
LONGEST = 110  # ids a side in training


def prepare_bpe(corpora: Corpora, folder: Path) -> None:
    """The 6,000 pieces: neutral pools (chat twice), training toxic sentences twice, toxic training rows of Jigsaw."""
    if (folder / "vocab.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    pools = corpora.neutral_pools
    lines = pools["examples"] + pools["glosses"][:15000] + pools["chat"] * 2
    lines += [pair.toxic for pair in corpora.pairs_train] * 2
    lines += [text for text, label in corpora.jigsaw_train if label]
    train_bpe(lines, VOCABULARY).save_model(str(folder))


Batch = tuple[torch.Tensor, torch.Tensor]


def block_maker(samples: Samples, bpe, schedule: Schedule) -> Callable[[int], Iterator[Batch]]:
    """Block n: samples of seed n, sorted by length into batches, batches shuffled."""

    def block(number: int) -> Iterator[Batch]:
        samples.reseed(number)
        rng = random.Random(f"{SEED}-order-{number}")
        pairs = [samples.draw() for _ in range(schedule.batch * BATCHES_PER_BLOCK)]
        sources = encode(bpe, [source for source, _ in pairs], LONGEST)
        targets = encode(bpe, [target for _, target in pairs], LONGEST)
        order = sorted(range(len(pairs)), key=lambda i: len(sources[i]) + len(targets[i]) + rng.random())
        batches = [order[i : i + schedule.batch] for i in range(0, len(order), schedule.batch)]
        rng.shuffle(batches)
        for batch in batches:
            yield pad([sources[i] for i in batch]), pad([targets[i] for i in batch])

    return block


def forward(model: BartForConditionalGeneration, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits at the target's real tokens (tokens, vocabulary), and those tokens."""
    source, target = batch
    shifted = torch.cat([torch.full((len(target), 1), EOS), target[:, :-1]], 1)
    states = model.model(
        input_ids=source, attention_mask=(source != PAD).long(), decoder_input_ids=shifted, use_cache=False
    ).last_hidden_state
    real = target != PAD
    return model.lm_head(states[real]) + model.final_logits_bias[0], target[real]


def dev_report(model: BartForConditionalGeneration, bpe, sets: dict[str, list[tuple[str, str]]]) -> Callable[[], str]:
    """Teacher-forced loss and accuracy on small fixed sets."""

    @torch.no_grad()
    def report() -> str:
        parts = []
        for name, pairs in sets.items():
            batch = pad(encode(bpe, [s for s, _ in pairs], LONGEST)), pad(encode(bpe, [t for _, t in pairs], LONGEST))
            logits, wanted = forward(model, batch)
            loss = torch.nn.functional.cross_entropy(logits, wanted).item()
            parts.append(f"{name} nll {loss:.3f} acc {(logits.argmax(-1) == wanted).float().mean().item():.3f}")
        return "| " + " | ".join(parts)

    return report


def run_stage(stage: str, corpora: Corpora, work: Path) -> None:
    torch.manual_seed(SEED if stage == "pretrain" else SEED + 1)
    bpe = load_bpe(work / "bpe")
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED)
    copies = [(text, text) for text in corpora.neutral_pools["chat"][::101]]
    rare = [noise.inject(text, text, 2) for text, _ in copies]
    sets = {"dev": [(p.toxic, p.neutral[0]) for p in corpora.pairs_dev[:200]], "copy": copies, "rare": rare}
    sets["authored"] = authored_pairs()[1]
    if stage == "pretrain":
        model, schedule = new_detoxifier(), PRETRAIN
        samples: Samples = PretrainSamples(corpora, noise)
    else:
        model, schedule = BartForConditionalGeneration.from_pretrained(work / "pretrain"), FINETUNE
        set_dropout(model, FINETUNE_DROPOUT)
        samples = FinetuneSamples(corpora, noise)
    report = dev_report(model, bpe, sets)
    model.eval()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, before training {report()}", flush=True)

    def loss_of(batch: Batch) -> torch.Tensor:
        logits, wanted = forward(model, batch)
        return torch.nn.functional.cross_entropy(logits, wanted, label_smoothing=LABEL_SMOOTHING)

    mean = train(
        model, block_maker(samples, bpe, schedule), loss_of, schedule, work / f"{stage}.pt", report,
        average=AVERAGE if stage == "finetune" else None,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
        print("weights averaged", report())
    set_dropout(model, 0.0)
    model.save_pretrained(work / stage)


def export(corpora: Corpora, weights: Path, work: Path, out: Path) -> None:
    """The folder that ships: fp16 weights, tokenizer, and the words that the repair guard knows."""
    model = BartForConditionalGeneration.from_pretrained(weights)
    set_dropout(model, 0.0)
    save_weights(model, out)
    save_tokenizer(work / "bpe", out, "bart", DETOXIFIER_POSITIONS)
    known = {word for texts in corpora.neutral_pools.values() for text in texts for word in text.split()}
    counts = corpora.word_counts
    words = {word for word in known if word[:1].isalpha() and counts[word] >= 2}
    words |= neutral_words()
    words |= {word for _, neutral in authored_pairs()[0] for word in neutral.split() if word[:1].isalpha()}
    (out / "known_words.txt").write_text("\n".join(sorted(words)) + "\n", encoding="utf8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints, not committed")
    parser.add_argument("--out", type=Path, default=Path("models/nano-bart"))
    parser.add_argument("--stage", choices=("pretrain", "finetune", "export"))
    parser.add_argument("--from-stage", choices=("pretrain", "finetune"), default="finetune", help="what export ships")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    corpora = Corpora(options.data)
    prepare_bpe(corpora, options.work / "bpe")
    for stage in ("pretrain", "finetune"):
        if options.stage == stage or (options.stage is None and not (options.work / stage).exists()):
            run_stage(stage, corpora, options.work)
    if options.stage in (None, "export"):
        export(corpora, options.work / options.from_stage, options.work, options.out)


if __name__ == "__main__":
    main()
