"""The scorer's second stage: it learns what a regression on n-grams knows, on text that nobody wrote.

    python -m training.recombine --data ../shared/data --work /tmp/detoxq-training --scorer FIRST
    python -m training.refine    --data ../shared/data --work /tmp/detoxq-training --scorer FIRST --out models/nano-roberta

FIRST is the folder that training.scorer wrote. 33 % real Jigsaw rows, 33 % made ones, and a little of everything else the
first stage learned from, so that it forgets none of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from transformers import RobertaForSequenceClassification

from training.checkpoints import load_bpe, save_tokenizer, save_weights
from training.corpora import Corpora
from training.loop import Schedule, train
from training.model import SCORER_POSITIONS
from training.noise import Noise, mine_rules
from training.scorer import block_maker, calibrate, dev_sets, loss_of, report_sets
from training.scorer_samples import Sample, ScorerSamples, Shares

SEED = 67
SCHEDULE = Schedule(steps=2600, batch=32, learning_rate=3e-4, warm_up=60)
SHARES = Shares(jigsaw=0.66, paradetox=0.10, authored=0.08, templates=0.04, clean=0.05)
DROPOUT = 0.05
AVERAGE = 0.998
TOXIC, NEUTRAL = 0.96, 0.04  # ParaDetox sources and paraphrases


class RefineSamples(ScorerSamples):
    """As many made rows as real ones among Jigsaw's."""

    def __init__(self, corpora: Corpora, noise: Noise, labels: dict[str, list[Sample]]) -> None:
        pairs = [row for p in corpora.pairs_train for row in ((p.toxic, TOXIC), *((t, NEUTRAL) for t in p.neutral[:1]))]
        super().__init__(corpora, noise, SHARES, labels["jigsaw"], pairs)
        self.made = labels["made"]

    def jigsaw_row(self) -> Sample:
        return super().jigsaw_row() if self.rng.random() < 0.5 else tuple(self.rng.choice(self.made))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True, help="the scorer of the first stage")
    parser.add_argument("--out", type=Path, default=Path("models/nano-roberta"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    corpora = Corpora(options.data)
    bpe = load_bpe(options.scorer)
    sets = dev_sets(corpora)
    model = RobertaForSequenceClassification.from_pretrained(
        options.scorer, dtype=torch.float32, hidden_dropout_prob=DROPOUT, classifier_dropout=DROPOUT
    )
    labels = json.loads((options.work / "refine_labels.json").read_text(encoding="utf8"))
    samples = RefineSamples(corpora, Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED), labels)
    model.eval()
    print("before", report_sets(model, bpe, sets), flush=True)
    mean = train(
        model, block_maker(samples, bpe, SCHEDULE.batch), lambda batch: loss_of(model, batch), SCHEDULE,
        options.work / "refine.pt", lambda: report_sets(model, bpe, sets), report_every=400, average=AVERAGE,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
    model.eval()
    print("weights averaged", report_sets(model, bpe, sets))
    print(f"bias moved by {calibrate(model, bpe, sets['jigsaw']):.3f} logits")
    print("calibrated", report_sets(model, bpe, sets))
    save_weights(model, options.out)
    save_tokenizer(options.scorer, options.out, "roberta", SCORER_POSITIONS)


if __name__ == "__main__":
    main()
