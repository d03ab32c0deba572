"""Trains the toxicity scorer: RoBERTa form, started from two layers of MiniLM, taught by soft labels.

    python -m training.scorer --data data --work /tmp/detoxq-training --out models/nano-roberta

needs `bpe/` (training.detoxifier) and `scorer_labels.json` (training.teacher) in the work folder. Word knowledge is what a
small network cannot get from twenty thousand rows: each piece of the BPE starts as the mean of the vectors that MiniLM has
for it, and the first layers of MiniLM know what to do with them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from tokenizers import ByteLevelBPETokenizer
from transformers import RobertaConfig, RobertaForSequenceClassification

from training.authored import authored_pairs, clean_comments
from training.bert import split_like
from training.checkpoints import BOS, EOS, MASK, PAD, UNK, encode, load_bpe, pad, save_tokenizer, save_weights
from training.command_line import training_parser
from training.corpora import Corpora
from training.decode import score_with
from training.disguise import disguise_text
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.minilm import Encoder
from training.noise import Noise, mine_rules
from training.scorer_samples import ScorerSamples, swear_words

SEED = 13
SCHEDULE = Schedule(steps=9000, batch=32, learning_rate=3e-4, warm_up=100)
LAYERS = 2
POSITIONS = 256
LABELS = {0: "neutral", 1: "toxic"}
DROPOUT = 0.05
AVERAGE = 0.998
MASKED = 0.04  # share of pieces hidden in training
LONGEST = 160
CLEAN_FLAGGED = 0.02  # the share of neutral dev rows that may score above .5 after calibration

Batch = tuple[torch.Tensor, torch.Tensor]
LabelledSet = tuple[list[str], np.ndarray]


def piece_vectors(bpe: ByteLevelBPETokenizer, table: torch.Tensor, known: dict[str, int]) -> torch.Tensor:
    """For each piece of the BPE the mean of the vectors of the WordPieces it is made of; (BPE vocabulary, width)."""
    twins = {PAD: "[PAD]", UNK: "[UNK]", BOS: "[CLS]", EOS: "[SEP]", MASK: "[MASK]"}
    rows = []
    for number in range(bpe.get_vocab_size()):
        text = bpe.decode([number], skip_special_tokens=False)
        ids = split_like(text.strip() if text.startswith(" ") else f"##{text}", known)
        if number in twins:
            ids = [known[twins[number]]]
        rows.append(table[ids].mean(0) if ids else table.mean(0))
    return torch.stack(rows)


@torch.no_grad()
def new_scorer(bpe: ByteLevelBPETokenizer) -> RobertaForSequenceClassification:
    """RoBERTa form, 6.1 million parameters, two labels: MiniLM's first layers under a head that knows nothing yet."""
    minilm = Encoder()
    body = minilm.model
    config = RobertaConfig(
        vocab_size=bpe.get_vocab_size(), hidden_size=body.config.hidden_size, num_hidden_layers=LAYERS,
        num_attention_heads=body.config.num_attention_heads, intermediate_size=body.config.intermediate_size,
        max_position_embeddings=POSITIONS + PAD + 1, type_vocab_size=1, pad_token_id=PAD, bos_token_id=BOS,
        eos_token_id=EOS, hidden_dropout_prob=DROPOUT, attention_probs_dropout_prob=0.0, classifier_dropout=DROPOUT,
        layer_norm_eps=body.config.layer_norm_eps, num_labels=2, id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    mine, theirs = model.roberta.embeddings, body.embeddings
    mine.word_embeddings.weight.copy_(
        piece_vectors(bpe, theirs.word_embeddings.weight, minilm.tokenizer.get_vocab())
    )
    mine.position_embeddings.weight.zero_()
    mine.position_embeddings.weight[PAD + 1 :] = theirs.position_embeddings.weight[:POSITIONS]
    mine.token_type_embeddings.weight.copy_(theirs.token_type_embeddings.weight[:1])
    mine.LayerNorm.load_state_dict(theirs.LayerNorm.state_dict())
    for layer, start in zip(model.roberta.encoder.layer, body.encoder.layer[:LAYERS], strict=True):
        layer.load_state_dict(start.state_dict())
    return model


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
        p = score_with(model, bpe, texts, POSITIONS)
        missed, flagged = (p[labels == 1] <= 0.5).mean(), (p[labels == 0] > 0.5).mean()
        parts.append(f"{name} AUC {roc_auc_score(labels, p):.4f} missed {missed:.3f} flagged {flagged:.3f}")
    return " | ".join(parts)


@torch.no_grad()
def calibrate(model: RobertaForSequenceClassification, bpe, dev: LabelledSet) -> float:
    """Moves the output bias so that at most `CLEAN_FLAGGED` of the neutral dev rows score above .5; returns the shift, logits."""
    texts, labels = dev
    p = score_with(model, bpe, [text for text, label in zip(texts, labels, strict=True) if not label], POSITIONS)
    logits = np.log(p / (1 - p))
    shift = float(np.quantile(logits, 1 - CLEAN_FLAGGED, method="higher"))
    model.classifier.out_proj.bias[1] -= shift
    return shift


def main() -> None:
    options = training_parser(__doc__, out="models/nano-roberta").parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    corpora = Corpora(options.data)
    bpe = load_bpe(options.work / "bpe")
    sets = dev_sets(corpora)
    model = new_scorer(bpe)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)

    labels = json.loads((options.work / "scorer_labels.json").read_text(encoding="utf8"))
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), bpe, SEED)
    samples = ScorerSamples(corpora, noise, labels)
    mean = train(
        model, block_maker(samples, bpe, SCHEDULE.batch), lambda batch: loss_of(model, batch), SCHEDULE, options.work / "scorer.pt",
        lambda: report_sets(model, bpe, sets), report_every=500, average=AVERAGE,
    )  # fmt: skip
    if mean is not None:
        model.load_state_dict(mean)
    model.eval()
    print("weights averaged", report_sets(model, bpe, sets))
    print(f"bias moved by {calibrate(model, bpe, sets['jigsaw']):.3f} logits")
    print("calibrated", report_sets(model, bpe, sets))
    save_weights(model, options.out)
    save_tokenizer(options.work / "bpe", options.out, "roberta", POSITIONS)


if __name__ == "__main__":
    main()
