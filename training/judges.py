"""The judges of rewrites, of our own making: the ACL 2022 protocol (STA, SIM, FL, J) with models that fit a laptop.

    python -m training.judges --data data --work /tmp/detoxq-training

fits them once and writes `judges.pkl`. They are seeded, and what they learn from is kept from the detoxifier: the judges'
7,000 Jigsaw rows, and sentences of WordNet and ParaDetox training pairs for fluency.

- STA: 1 where the mean of an n-gram regression and a MiniLM classifier, both fitted on the judges' Jigsaw rows, calls
  the output neutral (below .5), else 0.
- SIM: cosine of the MiniLM sentence embeddings of source and output.
- FL: 1 where a MiniLM classifier that tells real sentences from corrupted ones calls the output real, else 0. Weak:
  its accuracy on unseen sentences is printed and stands in the card.
- J: mean over sentences of STA * SIM * FL.
"""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from training.command_line import training_parser
from training.corpora import Corpora
from training.minilm import Classifier, Encoder, fit
from training.ngrams import NgramModel, fit_ngrams

SEED = 31
FLUENCY_ROWS = 9000  # real ones; as many corrupted
FLUENCY_TEST = 600


def corrupt(text: str, rng: random.Random, vocabulary: list[str]) -> str:
    """One or two of: a word lost, two words swapped, a word repeated, a word of another sentence put in or over."""
    words = text.split()
    for _ in range(rng.choice([1, 1, 2])):
        if len(words) < 3:
            break
        at, kind = rng.randrange(len(words) - 1), rng.random()
        if kind < 0.40:
            words.pop(at)
        elif kind < 0.60:
            words[at], words[at + 1] = words[at + 1], words[at]
        elif kind < 0.70:
            words.insert(at, words[at])
        elif kind < 0.85:
            words.insert(at, rng.choice(vocabulary))
        else:
            words[at] = rng.choice(vocabulary)
    return " ".join(words)


def fluency_rows(corpora: Corpora, rng: random.Random) -> list[tuple[str, int]]:
    """(text, 1 real or 0 corrupted), shuffled; toxic and neutral sentences alike, so that swearing is no sign."""
    texts = [text for text, _ in corpora.jigsaw_judges]
    texts += [text for pair in corpora.pairs_train for text in (pair.toxic, *pair.neutral)]
    texts += corpora.neutral_pools["examples"][::6]
    texts = sorted({text for text in texts if 4 <= len(text.split()) <= 30})
    chosen = rng.sample(texts, FLUENCY_ROWS + FLUENCY_TEST)
    vocabulary = [word for text in texts[::5] for word in text.split()]
    real = [(text, 1) for text in chosen]
    broken = [(broken_text, 0) for text in chosen if (broken_text := corrupt(text, rng, vocabulary)) != text]
    test = real[:FLUENCY_TEST] + broken[:FLUENCY_TEST]
    train = real[FLUENCY_TEST:] + broken[FLUENCY_TEST:]
    rng.shuffle(train)
    return test + train


@dataclass
class Judges:
    encoder: Encoder
    toxic_ngrams: NgramModel
    toxic_minilm: Classifier
    fluent: Classifier

    def toxicity(self, texts: list[str]) -> np.ndarray:
        return (self.toxic_ngrams.predict(texts) + self.toxic_minilm.predict(self.encoder.lower(texts))) / 2

    def judge(self, sources: list[str], outputs: list[str]) -> dict[str, np.ndarray]:
        """STA, SIM, FL and J for each sentence."""
        safe = [output if output.strip() else "." for output in outputs]
        states = self.encoder.lower(safe)
        toxic = (self.toxic_ngrams.predict(safe) + self.toxic_minilm.predict(states)) / 2
        neutral = (toxic < 0.5).astype(float)
        distinct = sorted(set(sources))
        place = {source: at for at, source in enumerate(distinct)}
        embedded = self.encoder.embed(distinct)[[place[source] for source in sources]]
        similar = (embedded * self.encoder.embed(safe)).sum(1)
        fluent = (self.fluent.predict(states) > 0.5).astype(float)
        return {"STA": neutral, "SIM": similar, "FL": fluent, "J": neutral * similar * fluent}


def fit_judges(corpora: Corpora) -> Judges:
    rng = random.Random(SEED)
    encoder = Encoder()
    texts = [text for text, _ in corpora.jigsaw_judges]
    labels = np.array([label for _, label in corpora.jigsaw_judges])
    ngrams = fit_ngrams(texts, labels)
    minilm = fit(encoder.lower(texts), labels, epochs=3, seed=SEED)
    held = [text for text, _ in corpora.jigsaw_test]
    truth = [label for _, label in corpora.jigsaw_test]
    by_ngrams, by_minilm = ngrams.predict(held), minilm.predict(encoder.lower(held))
    for name, values in (("n-grams", by_ngrams), ("MiniLM", by_minilm), ("mean", (by_ngrams + by_minilm) / 2)):
        print(f"toxicity judge, {name}: AUC on Jigsaw test {roc_auc_score(truth, values):.4f}", flush=True)
    rows = fluency_rows(corpora, rng)
    states = encoder.lower([text for text, _ in rows])
    wanted = np.array([label for _, label in rows])
    cut = 2 * FLUENCY_TEST
    fluent = fit(states[cut:], wanted[cut:], epochs=2, seed=SEED + 1)
    values = fluent.predict(states[:cut])
    accuracy = ((values > 0.5) == wanted[:cut]).mean()
    print(f"fluency judge: AUC {roc_auc_score(wanted[:cut], values):.4f}, accuracy {accuracy:.4f}", flush=True)
    return Judges(encoder, ngrams, minilm, fluent)


def load_judges(work: Path) -> Judges:
    """Judges that this script wrote earlier: only ever read your own file, it is a pickle."""
    with (work / "judges.pkl").open("rb") as handle:
        return pickle.load(handle)


def main() -> None:
    options = training_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    judges = fit_judges(Corpora(options.data))
    with (options.work / "judges.pkl").open("wb") as handle:
        pickle.dump(judges, handle)


if __name__ == "__main__":
    main()
