"""What the small sentence encoder learns: pairs of texts, and MiniLM's embedding of each, turned to 256 dimensions.

    python -m training.sentence_targets --data data --work /tmp/detoxq-training

writes `sentence_targets.pt`. The turn is the best rank-256 one (singular vectors of all embeddings, no centring), so that
cosines of the turned embeddings are nearly MiniLM's; how near is printed. Nothing held out is in it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.authored import authored_pairs, clean_comments
from training.command_line import training_parser
from training.corpora import Corpora
from training.judges import corrupt
from training.minilm import Encoder
from training.scorer_samples import swear_words

SEED = 41
WIDTH = 256
EXAMPLES = 6000  # WordNet sentences
EDITED = 6000  # sentences with a word lost, moved or put in, beside the whole ones


@dataclass(frozen=True)
class SentenceTargets:
    """`texts`, their `embeddings` (texts, 256), unit length; `pairs` of indices whose cosine matters most."""

    texts: list[str]
    embeddings: torch.Tensor
    pairs: list[tuple[int, int]]


def without(text: str, lexicon: set[str]) -> str:
    return " ".join(word for word in text.split() if word not in lexicon)


def text_pairs(corpora: Corpora) -> list[tuple[str, str]]:
    """Sources with paraphrases, with themselves less their swear words, and with broken copies."""
    rng = random.Random(SEED)
    lexicon = swear_words(corpora)
    pairs = [(pair.toxic, text) for pair in corpora.pairs_train for text in pair.neutral[:1]]
    pairs += authored_pairs()[0]
    rude = [text for text, label in corpora.jigsaw_train[::2] if label] + [pair.toxic for pair in corpora.pairs_train[::4]]
    pairs += [(text, shorter) for text in rude if (shorter := without(text, lexicon)) and shorter != text]
    whole = [text for text, _ in corpora.jigsaw_train] + [pair.toxic for pair in corpora.pairs_train]
    vocabulary = [word for text in whole[::5] for word in text.split()]
    pairs += [(text, corrupt(text, rng, vocabulary)) for text in rng.sample(whole, EDITED)]
    return pairs


def lone_texts(corpora: Corpora) -> list[str]:
    rng = random.Random(SEED + 1)
    texts = [text for text, _ in corpora.jigsaw_train + corpora.jigsaw_judges]
    texts += clean_comments()[0] + rng.sample(corpora.neutral_pools["examples"], EXAMPLES)
    return texts


def make_targets(corpora: Corpora) -> SentenceTargets:
    pairs, alone = text_pairs(corpora), lone_texts(corpora)
    texts = sorted({text for pair in pairs for text in pair} | set(alone))
    place = {text: number for number, text in enumerate(texts)}
    print(f"{len(texts)} texts, {len(pairs)} pairs", flush=True)
    full = Encoder().embed(texts)
    turn = np.linalg.svd(full[::3], full_matrices=False)[2][:WIDTH].T
    turned = full @ turn
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    left, right = np.array([[place[a], place[b]] for a, b in pairs[::7]]).T
    exact, near = (full[left] * full[right]).sum(1), (turned[left] * turned[right]).sum(1)
    print(f"cosines after the turn: mean absolute error {np.abs(exact - near).mean():.4f}", flush=True)
    return SentenceTargets(texts, torch.tensor(turned).half(), [(place[a], place[b]) for a, b in pairs])


def load_targets(work: Path) -> SentenceTargets:
    saved = torch.load(work / "sentence_targets.pt", weights_only=True)
    return SentenceTargets(saved["texts"], saved["embeddings"].float(), saved["pairs"])


def main() -> None:
    options = training_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    targets = make_targets(Corpora(options.data))
    torch.save(vars(targets), options.work / "sentence_targets.pt")


if __name__ == "__main__":
    main()
