"""Trains the toxicity scorer: RoBERTa form, started from the pre-trained detoxifier's encoder, taught by soft labels.

    python -m training.scorer --data ../shared/data --work /tmp/detoxq-training --out models/nano-roberta

needs `pretrain/` (training.detoxifier) and `soft_labels.json` (training.teacher) in the work folder.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from transformers import BartForConditionalGeneration, RobertaForSequenceClassification

from training.authored import authored_pairs, clean_comments
from training.checkpoints import BOS, EOS, MASK, PAD, encode, load_bpe, pad, save_tokenizer, save_weights
from training.corpora import Corpora
from training.decode import score_with
from training.disguise import disguise_text
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.model import SCORER_POSITIONS, copy_encoder, new_scorer
from training.noise import Noise, mine_rules
from training.scorer_samples import FIRST_STAGE, ScorerSamples, first_stage_rows, swear_words

SEED = 13
SCHEDULE = Schedule(steps=5000, batch=32, learning_rate=4e-4, warm_up=100)
DROPOUT = 0.1
AVERAGE = 0.999
MASKED = 0.04  # share of pieces hidden in training
LONGEST = 160
CLEAN_FLAGGED = 0.02  # the share of neutral dev rows that may score above .5 after calibration

Batch = tuple[torch.Tensor, torch.Tensor]
LabelledSet = tuple[list[str], np.ndarray]


def block_maker(samples: ScorerSamples, bpe, batch_size: int) -> Callable[[int], Iterator[Batch]]:
    def block(number: int) -> Iterator[Batch]:
        samples.reseed(number)
        rng = random.Random(f"{SEED}-order-{number}")
        hide = torch.Generator().manual_seed(number)
        drawn = [samples.draw() for _ in range(batch_size * BATCHES_PER_BLOCK)]
        rows = encode(bpe, [text for text, _ in drawn], LONGEST)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]) + 2 * rng.random())
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        rng.shuffle(batches)
        for batch in batches:
            ids = pad([rows[i] for i in batch])
            hidden = (torch.rand(ids.shape, generator=hide) < MASKED) & (ids != BOS) & (ids != EOS) & (ids != PAD)
            yield ids.masked_fill(hidden, MASK), torch.tensor([drawn[i][1] for i in batch])

    return block


def loss_of(model: RobertaForSequenceClassification, batch: Batch) -> torch.Tensor:
    ids, wanted = batch
    log_p = model(input_ids=ids, attention_mask=(ids != PAD).long()).logits.log_softmax(-1)
    return -(wanted * log_p[:, 1] + (1 - wanted) * log_p[:, 0]).mean()


def dev_sets(corpora: Corpora) -> dict[str, LabelledSet]:
    """Rows for choices: Jigsaw, Jigsaw with its swear words disguised, ParaDetox, hand-written pairs, clean comments."""
    rng = random.Random(SEED)
    jigsaw = corpora.jigsaw_dev
    lexicon = swear_words(corpora)
    hidden = [(disguise_text(text, rng, lexicon, 1.0, 0.03), label) for text, label in jigsaw]
    pairs = [(pair.toxic, 1) for pair in corpora.pairs_dev] + [(pair.neutral[0], 0) for pair in corpora.pairs_dev]
    _, authored = authored_pairs()
    natural = [(toxic, 1) for toxic, _ in authored] + [(neutral, 0) for _, neutral in authored]
    natural += [(text, 0) for text in clean_comments()[1]]
    named = {"jigsaw": jigsaw, "disguised": hidden, "paradetox": pairs, "authored": natural}
    return {name: ([text for text, _ in rows], np.array([label for _, label in rows])) for name, rows in named.items()}


def report_sets(model: RobertaForSequenceClassification, bpe, sets: dict[str, LabelledSet]) -> str:
    parts = []
    for name, (texts, labels) in sets.items():
        p = score_with(model, bpe, texts, SCORER_POSITIONS)
        missed, flagged = (p[labels == 1] <= 0.5).mean(), (p[labels == 0] > 0.5).mean()
        parts.append(f"{name} AUC {roc_auc_score(labels, p):.4f} missed {missed:.3f} flagged {flagged:.3f}")
    return " | ".join(parts)


@torch.no_grad()
def calibrate(model: RobertaForSequenceClassification, bpe, dev: LabelledSet) -> float:
    """Moves the output bias so that `CLEAN_FLAGGED` of the neutral dev rows score above .5; returns the shift in logits."""
    texts, labels = dev
    p = score_with(model, bpe, [text for text, label in zip(texts, labels, strict=True) if not label], SCORER_POSITIONS)
    logits = np.log(p / (1 - p))
    shift = float(np.quantile(logits, 1 - CLEAN_FLAGGED))
    model.classifier.out_proj.bias[1] -= shift
    return shift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("models/nano-roberta"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    corpora = Corpora(options.data)
    bpe = load_bpe(options.work / "bpe")
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED)
    sets = dev_sets(corpora)
    model = new_scorer(DROPOUT)
    copy_encoder(BartForConditionalGeneration.from_pretrained(options.work / "pretrain"), model)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    rows = first_stage_rows(corpora, options.work / "soft_labels.json")
    samples = ScorerSamples(corpora, noise, FIRST_STAGE, *rows)
    mean = train(
        model, block_maker(samples, bpe, SCHEDULE.batch), lambda batch: loss_of(model, batch), SCHEDULE, options.work / "scorer.pt",
        lambda: report_sets(model, bpe, sets), report_every=250, average=AVERAGE,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
    model.eval()
    print("weights averaged", report_sets(model, bpe, sets))
    print(f"bias moved by {calibrate(model, bpe, sets['jigsaw']):.3f} logits")
    print("calibrated", report_sets(model, bpe, sets))
    save_weights(model, options.out)
    save_tokenizer(options.work / "bpe", options.out, "roberta", SCORER_POSITIONS)


if __name__ == "__main__":
    main()
