"""What the detoxifier is trained on, stage by stage. Shares are probabilities of a sample."""

from __future__ import annotations

from typing import Protocol

from training.corpora import Corpora
from training.disguise import disguise_text
from training.noise import Noise

Sample = tuple[str, str]


class Samples(Protocol):
    def reseed(self, block: int) -> None: ...

    def draw(self) -> Sample: ...


class PretrainSamples:
    """Neutral sentences: 60 % made toxic, 14 % copied, 18 % masked, 8 % lightly broken; new words put into 35 % of the
    first two kinds, 10 % of the samples two or three sentences long."""

    def __init__(self, corpora: Corpora, noise: Noise) -> None:
        self.corpora, self.noise, self.rng = corpora, noise, noise.rng

    def reseed(self, block: int) -> None:
        self.rng.seed(f"pretrain-{block}")

    def sentence(self) -> str:
        luck = self.rng.random()
        pool = "chat" if luck < 0.5 else "examples" if luck < 0.82 else "glosses"
        return self.rng.choice(self.corpora.neutral_pools[pool])

    def single(self) -> Sample:
        text, luck = self.sentence(), self.rng.random()
        if luck < 0.74:
            source = self.noise.toxify(text) if luck < 0.60 else text
            if luck < 0.12:
                source = disguise_text(source, self.rng, self.corpora.lexicon, 0.8)
            return self.noise.inject(source, text) if self.rng.random() < 0.35 else (source, text)
        return (self.noise.mask(text) if luck < 0.92 else self.noise.lightly_break(text)), text

    def draw(self) -> Sample:
        count = 1 if self.rng.random() < 0.9 else self.rng.choice([2, 2, 3])
        parts = [self.single() for _ in range(count)]
        return " ".join(source for source, _ in parts), " ".join(target for _, target in parts)


class FinetuneSamples(PretrainSamples):
    pass
