"""Trains nano-sim, a BERT sentence encoder, on MiniLM's embeddings and on masked words; the classifiers start from it.

    python -m training.sentence_targets --data data --work /tmp/detoxq-training
    python -m training.encoder --data data --work /tmp/detoxq-training --out models/nano-sim

Two tasks take turns: the mean of the last states is to be MiniLM's embedding (turned to 256 dimensions), and the cosines
within a batch, those of a sentence and its rewrite above all, are to be MiniLM's; and masked pieces are to be guessed,
which teaches word order. The second fades out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertModel

from training.bert import POSITIONS, WIDTH, bert_config, encoder_folder, word_vectors
from training.checkpoints import save_weights
from training.command_line import training_parser
from training.corpora import Corpora
from training.loop import BATCHES_PER_BLOCK, Schedule, train
from training.minilm import Encoder
from training.sentence_targets import SentenceTargets, load_targets
from training.wordpiece import CLS, MASK, SEP, VOCABULARY, encode_pieces, pad_pieces, prepare_wordpiece, save_wordpiece

SEED = 43
SCHEDULE = Schedule(steps=700, batch=48, learning_rate=1e-3, warm_up=50)
PAIRS = 16  # a batch: so many pairs, the rest texts by themselves
AVERAGE = 0.997
LONGEST = 64  # pieces a text, as in training.minilm
MASKED_FIRST, MASKED_LAST = 0.55, 0.1  # share of batches that guess masked pieces, at the start and at the end


class Body(torch.nn.Module):
    """A BERT model and a head that guesses pieces, tied to the word vectors; only the first is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = BertModel(bert_config(VOCABULARY))
        self.transform = torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.GELU(), torch.nn.LayerNorm(WIDTH))
        self.bias = torch.nn.Parameter(torch.zeros(VOCABULARY))

    def states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state

    def guesses(self, states: torch.Tensor) -> torch.Tensor:
        return self.transform(states) @ self.bert.embeddings.word_embeddings.weight.T + self.bias


@dataclass(frozen=True)
class MaskedBatch:
    ids: torch.Tensor
    mask: torch.Tensor
    hidden: torch.Tensor  # where a piece is to be guessed
    wanted: torch.Tensor  # those pieces


@dataclass(frozen=True)
class SentenceBatch:
    ids: torch.Tensor
    mask: torch.Tensor
    wanted: torch.Tensor  # (texts, WIDTH); texts 0 and 1, 2 and 3, … up to 2 * PAIRS are pairs


def sentence_vectors(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask[:, :, None].float()
    return torch.nn.functional.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)


def loss_of(body: Body, batch: MaskedBatch | SentenceBatch) -> torch.Tensor:
    states = body.states(batch.ids, batch.mask)
    if isinstance(batch, MaskedBatch):
        return torch.nn.functional.cross_entropy(body.guesses(states[batch.hidden]), batch.wanted)
    vectors = sentence_vectors(states, batch.mask)
    apart = 1 - (vectors * batch.wanted).sum(-1).mean()
    errors = (vectors @ vectors.T - batch.wanted @ batch.wanted.T).square()
    first = torch.arange(0, 2 * PAIRS, 2)
    return 2 * apart + 10 * errors.mean() + 20 * errors[first, first + 1].mean()


class Batches:
    """Block n: batches of both tasks, those of like length together."""

    def __init__(self, corpora: Corpora, targets: SentenceTargets, tokenizer: BertWordPieceTokenizer) -> None:
        self.targets = targets
        self.rows = encode_pieces(tokenizer, targets.texts, LONGEST)
        toxic = [text for text, label in corpora.jigsaw_train + corpora.jigsaw_judges if label]
        toxic += [pair.toxic for pair in corpora.pairs_train]
        pools = corpora.neutral_pools
        pools = ((pools["chat"], 0.35), (toxic, 0.3), (pools["examples"], 0.25), (pools["glosses"], 0.1))
        self.pools = [encode_pieces(tokenizer, texts, LONGEST) for texts, _ in pools]
        self.shares = [share for _, share in pools]

    def masked(self, rng: random.Random, count: int) -> Iterator[MaskedBatch]:
        size = SCHEDULE.batch
        rows = [rng.choice(rng.choices(self.pools, self.shares)[0]) for _ in range(size * count)]
        rows.sort(key=lambda row: len(row) + 2 * rng.random())
        dice = torch.Generator().manual_seed(rng.randrange(2**31))
        for start in range(0, len(rows), size):
            ids, mask = pad_pieces(rows[start : start + size])
            hidden = (torch.rand(ids.shape, generator=dice) < 0.18) & (mask == 1) & (ids != CLS) & (ids != SEP)
            wanted, luck = ids[hidden], torch.rand(ids.shape, generator=dice)
            ids = ids.masked_fill(hidden & (luck < 0.8), MASK)
            other = hidden & (luck > 0.9)
            ids[other] = torch.randint(5, VOCABULARY, (int(other.sum()),), generator=dice)
            yield MaskedBatch(ids, mask, hidden, wanted)

    def sentences(self, rng: random.Random, count: int) -> Iterator[SentenceBatch]:
        pairs = rng.sample(self.targets.pairs, PAIRS * count)
        pairs.sort(key=lambda pair: len(self.rows[pair[0]]) + 2 * rng.random())
        alone = rng.sample(range(len(self.rows)), (SCHEDULE.batch - 2 * PAIRS) * count)
        alone.sort(key=lambda number: len(self.rows[number]) + 2 * rng.random())
        for turn in range(count):
            chosen = [number for pair in pairs[turn * PAIRS : (turn + 1) * PAIRS] for number in pair]
            chosen += alone[turn * len(alone) // count : (turn + 1) * len(alone) // count]
            ids, mask = pad_pieces([self.rows[number] for number in chosen])
            yield SentenceBatch(ids, mask, self.targets.embeddings[chosen])

    def block(self, number: int) -> Iterator[MaskedBatch | SentenceBatch]:
        rng = random.Random(f"{SEED}-{number}")
        progress = min(1.0, number * BATCHES_PER_BLOCK / SCHEDULE.steps)
        share = MASKED_FIRST + (MASKED_LAST - MASKED_FIRST) * progress
        count = round(share * BATCHES_PER_BLOCK)
        batches = [*self.masked(rng, count), *self.sentences(rng, BATCHES_PER_BLOCK - count)]
        rng.shuffle(batches)
        yield from batches


@torch.no_grad()
def embed(bert: BertModel, tokenizer: BertWordPieceTokenizer, texts: list[str]) -> np.ndarray:
    """Unit vectors (texts, WIDTH)."""
    rows, out = encode_pieces(tokenizer, texts, POSITIONS), np.zeros((len(texts), WIDTH), dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids, mask = pad_pieces([rows[i] for i in chosen])
        states = bert(input_ids=ids, attention_mask=mask).last_hidden_state
        out[chosen] = sentence_vectors(states, mask).numpy()
    return out


def dev_report(corpora: Corpora, tokenizer: BertWordPieceTokenizer, bert: BertModel) -> Callable[[], str]:
    """Cosines of 300 dev sources with their paraphrases, and with the next sentence's, against MiniLM's."""
    sources = [pair.toxic for pair in corpora.pairs_dev[:300]]
    rewrites = [pair.neutral[0] for pair in corpora.pairs_dev[:300]]
    minilm = Encoder()
    left, right = minilm.embed(sources), minilm.embed(rewrites)
    near, far = (left * right).sum(1), (left * np.roll(right, 1, 0)).sum(1)

    def report() -> str:
        a, b = embed(bert, tokenizer, sources), embed(bert, tokenizer, rewrites)
        mine, other = (a * b).sum(1), (a * np.roll(b, 1, 0)).sum(1)
        return (
            f"pairs: correlation {np.corrcoef(mine, near)[0, 1]:.3f}, error {np.abs(mine - near).mean():.3f}; "
            f"strangers: correlation {np.corrcoef(other, far)[0, 1]:.3f}, error {np.abs(other - far).mean():.3f}"
        )

    return report


def export(bert: BertModel, work: Path, out: Path) -> None:
    """A folder that transformers loads as BertModel and sentence-transformers as an encoder with mean pooling."""
    save_weights(bert, out)
    save_wordpiece(work, out, POSITIONS)
    (out / "1_Pooling").mkdir(exist_ok=True)
    modules = ("", "Transformer"), ("1_Pooling", "Pooling")
    rows = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(modules)
    ]
    (out / "modules.json").write_text(json.dumps(rows, indent=2) + "\n")
    pooling = {"word_embedding_dimension": WIDTH}
    for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"):
        pooling[f"pooling_mode_{mode}"] = mode == "mean_tokens"
    (out / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2) + "\n")
    (out / "sentence_bert_config.json").write_text(
        json.dumps({"max_seq_length": POSITIONS, "do_lower_case": False}, indent=2) + "\n"
    )


def main() -> None:
    options = training_parser(__doc__, out="models/nano-sim").parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    corpora = Corpora(options.data)
    tokenizer = prepare_wordpiece(corpora, options.work)
    body = Body()
    with torch.no_grad():
        body.bert.embeddings.word_embeddings.weight.copy_(word_vectors(tokenizer))
    print(f"{sum(p.numel() for p in body.bert.parameters())} parameters", flush=True)
    batches = Batches(corpora, load_targets(options.work), tokenizer)
    report = dev_report(corpora, tokenizer, body.bert)
    mean = train(
        body, batches.block, lambda batch: loss_of(body, batch), SCHEDULE, options.work / "encoder.pt", report,
        report_every=100, average=AVERAGE,
    )  # fmt: skip
    if mean is not None:
        body.load_state_dict(mean)
    print("weights averaged", report())
    body.bert.save_pretrained(encoder_folder(options.work))
    export(body.bert, options.work, options.out)


if __name__ == "__main__":
    main()
