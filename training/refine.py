"""The scorer's second stage: a fresh network that learns what the first one and a regression on n-grams know together.

    python -m training.recombine --data ../shared/data --work /tmp/detoxq-training --scorer FIRST
    python -m training.refine    --data ../shared/data --work /tmp/detoxq-training --scorer FIRST --out models/nano-roberta

FIRST is the folder that training.scorer wrote: it is a teacher here, and its BPE is kept. The weights start from the
sentence encoder (training.encoder), whose word vectors know which words are alike; the scorer's pieces get the vectors of
the WordPieces they are made of. 33 % real Jigsaw rows, 33 % made ones, and a little of everything else that the first stage
learned from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer
from transformers import BertModel, RobertaConfig, RobertaForSequenceClassification

from training import wordpiece
from training.bert import FEED_FORWARD, HEADS, LAYERS, WIDTH, encoder_folder, split_like
from training.checkpoints import BOS, EOS, MASK, PAD, UNK, load_bpe, save_tokenizer, save_weights
from training.corpora import Corpora
from training.loop import Schedule, train
from training.model import LABELS, SCORER_POSITIONS
from training.noise import Noise, mine_rules
from training.scorer import block_maker, calibrate, dev_sets, loss_of, report_sets
from training.scorer_samples import Sample, ScorerSamples, Shares
from training.wordpiece import prepare_wordpiece

SEED = 67
SCHEDULE = Schedule(steps=1200, batch=32, learning_rate=4e-4, warm_up=60)
SHARES = Shares(jigsaw=0.66, paradetox=0.10, authored=0.08, templates=0.04, clean=0.05)
DROPOUT = 0.05
AVERAGE = 0.997
TOXIC, NEUTRAL = 0.96, 0.04  # ParaDetox sources and paraphrases


class RefineSamples(ScorerSamples):
    """As many made rows as real ones among Jigsaw's."""

    def __init__(self, corpora: Corpora, noise: Noise, labels: dict[str, list[Sample]]) -> None:
        pairs = [row for p in corpora.pairs_train for row in ((p.toxic, TOXIC), *((t, NEUTRAL) for t in p.neutral[:1]))]
        super().__init__(corpora, noise, SHARES, labels["jigsaw"], pairs)
        self.made = labels["made"]

    def jigsaw_row(self) -> Sample:
        return super().jigsaw_row() if self.rng.random() < 0.5 else tuple(self.rng.choice(self.made))


def piece_vectors(bpe: ByteLevelBPETokenizer, pieces: BertWordPieceTokenizer, table: torch.Tensor) -> torch.Tensor:
    """For each BPE piece the mean of the vectors of its WordPieces; (BPE vocabulary, WIDTH)."""
    known, twins = pieces.get_vocab(), {PAD: wordpiece.PAD, UNK: wordpiece.UNK, BOS: wordpiece.CLS}
    twins |= {EOS: wordpiece.SEP, MASK: wordpiece.MASK}
    rows = []
    for number in range(bpe.get_vocab_size()):
        text = bpe.decode([number], skip_special_tokens=False)
        ids = split_like(text.strip() if text.startswith(" ") else f"##{text}", known)
        if number in twins:
            ids = [twins[number]]
        rows.append(table[ids].mean(0) if ids else table.mean(0))
    return torch.stack(rows)


@torch.no_grad()
def new_scorer(bpe: ByteLevelBPETokenizer, pieces: BertWordPieceTokenizer, body: BertModel) -> RobertaForSequenceClassification:
    """RoBERTa form, 3.6 million parameters, two labels, started from `body`."""
    config = RobertaConfig(
        vocab_size=bpe.get_vocab_size(), hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=FEED_FORWARD, max_position_embeddings=SCORER_POSITIONS + PAD + 1, type_vocab_size=1,
        pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, hidden_dropout_prob=DROPOUT,
        attention_probs_dropout_prob=0.0, classifier_dropout=DROPOUT, layer_norm_eps=body.config.layer_norm_eps,
        num_labels=2, id2label=LABELS, label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    mine, theirs = model.roberta.embeddings, body.embeddings
    mine.word_embeddings.weight.copy_(piece_vectors(bpe, pieces, theirs.word_embeddings.weight))
    mine.position_embeddings.weight.zero_()
    mine.position_embeddings.weight[PAD + 1 :] = theirs.position_embeddings.weight[:SCORER_POSITIONS]
    mine.token_type_embeddings.weight.copy_(theirs.token_type_embeddings.weight[:1])
    mine.LayerNorm.load_state_dict(theirs.LayerNorm.state_dict())
    model.roberta.encoder.load_state_dict(body.encoder.state_dict())
    return model


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
    pieces = prepare_wordpiece(corpora, options.work)
    model = new_scorer(bpe, pieces, BertModel.from_pretrained(encoder_folder(options.work)))
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    labels = json.loads((options.work / "refine_labels.json").read_text(encoding="utf8"))
    samples = RefineSamples(corpora, Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED), labels)
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
