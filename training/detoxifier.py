"""Trains a detoxifier: `pretrain` on noise, then `finetune` on pairs, then `export` to a Hugging Face folder.

    python -m training.detoxifier --data data --work /tmp/detoxq-training
    python -m training.detoxifier --data data --work /tmp/detoxq-training --kind t5

runs all that has not been run yet; `--stage` runs one. Everything is seeded; a stopped run goes on where it was.
T5 and GPT-2 come after BART: they have its vocabulary, start from its embeddings (models/nano-bart) and are also taught
its rewrites (training/distil.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from training.authored import authored_pairs
from training.checkpoints import load_bpe, save_weights, train_bpe
from training.command_line import training_parser
from training.corpora import Corpora
from training.distil import read_taught
from training.generators import GENERATORS, Generator, Row, set_dropout, use_fused_gelu
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.mixture import FinetuneSamples, PlainTextToo, PretrainSamples, Samples
from training.model import VOCABULARY
from training.noise import Noise, mine_rules
from training.templates import neutral_words

SEED = 11
SCHEDULES: dict[str, dict[str, Schedule]] = {
    "bart": {
        "pretrain": Schedule(steps=3200, batch=32, learning_rate=1.2e-3, warm_up=80),
        "finetune": Schedule(steps=2400, batch=32, learning_rate=7e-4, warm_up=60),
    },
    "t5": {
        "pretrain": Schedule(steps=500, batch=32, learning_rate=1.2e-3, warm_up=50),
        "finetune": Schedule(steps=1000, batch=32, learning_rate=8e-4, warm_up=40),
    },
    "gpt2": {
        "pretrain": Schedule(steps=350, batch=32, learning_rate=1.5e-3, warm_up=40),
        "finetune": Schedule(steps=800, batch=32, learning_rate=1e-3, warm_up=40),
    },
}
LABEL_SMOOTHING = 0.1
FINETUNE_DROPOUT = 0.1
AVERAGE = 0.998
PLAIN_TEXT = {"pretrain": 0.3, "finetune": 0.25}  # share of samples without a source, GPT-2 only


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


def block_maker(
    samples: Samples, generator: Generator, bpe, schedule: Schedule
) -> Callable[[int], Iterator[list[Row]]]:
    """Block n: samples of seed n, sorted by length into batches, batches shuffled."""

    def block(number: int) -> Iterator[list[Row]]:
        samples.reseed(number)
        rng = random.Random(f"{SEED}-order-{number}")
        rows = generator.rows(bpe, [samples.draw() for _ in range(schedule.batch * BATCHES_PER_BLOCK)])
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]) + rng.random())
        batches = [order[i : i + schedule.batch] for i in range(0, len(order), schedule.batch)]
        rng.shuffle(batches)
        for batch in batches:
            yield [rows[i] for i in batch]

    return block


def dev_report(
    model: torch.nn.Module, generator: Generator, bpe, sets: dict[str, list[tuple[str, str]]]
) -> Callable[[], str]:
    """Teacher-forced loss and accuracy on small fixed sets."""

    @torch.no_grad()
    def report() -> str:
        parts = []
        for name, pairs in sets.items():
            logits, wanted = generator.forward(model, generator.rows(bpe, pairs))
            loss = torch.nn.functional.cross_entropy(logits, wanted).item()
            parts.append(f"{name} nll {loss:.3f} acc {(logits.argmax(-1) == wanted).float().mean().item():.3f}")
        return "| " + " | ".join(parts)

    return report


def stage_folder(generator: Generator, stage: str, work: Path) -> Path:
    return work / (stage if generator.name == "bart" else f"{generator.name}-{stage}")


def run_stage(generator: Generator, stage: str, corpora: Corpora, work: Path) -> None:
    torch.manual_seed(SEED if stage == "pretrain" else SEED + 1)
    bpe, schedule = load_bpe(work / "bpe"), SCHEDULES[generator.name][stage]
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED)
    copies = [(text, text) for text in corpora.neutral_pools["chat"][::101]]
    rare = [noise.inject(text, text, 2) for text, _ in copies]
    sets = {"dev": [(p.toxic, p.neutral[0]) for p in corpora.pairs_dev[:200]], "copy": copies, "rare": rare}
    sets["authored"] = authored_pairs()[1]
    if stage == "pretrain":
        model = generator.new()
        samples: Samples = PretrainSamples(corpora, noise)
    else:
        model = generator.load(stage_folder(generator, "pretrain", work))
        set_dropout(model, FINETUNE_DROPOUT)
        taught = [] if generator.name == "bart" else read_taught(work)
        samples = FinetuneSamples(corpora, noise, work, taught)
    if generator.name == "gpt2":
        sets["plain"] = [("", pair.neutral[0]) for pair in corpora.pairs_dev[:200]]
        samples = PlainTextToo(samples, noise, corpora, PLAIN_TEXT[stage])
    use_fused_gelu(model)
    report = dev_report(model, generator, bpe, sets)
    model.eval()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, before training {report()}", flush=True)

    def loss_of(rows: list[Row]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=generator.bfloat16):
            logits, wanted = generator.forward(model, rows)
        return torch.nn.functional.cross_entropy(logits.float(), wanted, label_smoothing=LABEL_SMOOTHING)

    folder = stage_folder(generator, stage, work)
    mean = train(
        model, block_maker(samples, generator, bpe, schedule), loss_of, schedule, folder.with_suffix(".pt"), report,
        average=AVERAGE if stage == "finetune" else None,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
        print("weights averaged", report())
    model.save_pretrained(folder)


def export(generator: Generator, corpora: Corpora, weights: Path, work: Path, out: Path) -> None:
    """The folder that ships: fp16 weights, tokenizer, and the words that the repair guard knows."""
    save_weights(generator.load(weights), out)
    generator.save_tokenizer(work / "bpe", out)
    known = {word for texts in corpora.neutral_pools.values() for text in texts for word in text.split()}
    counts = corpora.word_counts
    words = {word for word in known if word[:1].isalpha() and counts[word] >= 2}
    words |= neutral_words()
    words |= {word for _, neutral in authored_pairs()[0] for word in neutral.split() if word[:1].isalpha()}
    (out / "known_words.txt").write_text("\n".join(sorted(words)) + "\n", encoding="utf8")


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument("--kind", choices=tuple(GENERATORS), default="bart")
    parser.add_argument("--out", type=Path, help="default: models/nano-KIND")
    parser.add_argument("--stage", choices=("pretrain", "finetune", "export"))
    parser.add_argument("--from-stage", choices=("pretrain", "finetune"), default="finetune", help="what export ships")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    generator = GENERATORS[options.kind]
    corpora = Corpora(options.data)
    prepare_bpe(corpora, options.work / "bpe")
    for stage in ("pretrain", "finetune"):
        done = stage_folder(generator, stage, options.work).exists()
        if options.stage == stage or (options.stage is None and not done):
            run_stage(generator, stage, corpora, options.work)
    if options.stage in (None, "export"):
        weights = stage_folder(generator, options.from_stage, options.work)
        export(generator, corpora, weights, options.work, options.out or Path("models") / f"nano-{generator.name}")


if __name__ == "__main__":
    main()
