"""What the detoxifier is trained on, stage by stage. Shares are probabilities of a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from training.authored import authored_pairs, clean_comments
from training.corpora import Corpora
from training.disguise import disguise_text
from training.noise import Noise
from training.pairs import good_pairs
from training.templates import Templates

Sample = tuple[str, str]
END_MARKS = (".", "!", "?", "...")


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


class FinetuneSamples:
    """Pairs: 40 % ParaDetox, 17 % hand-written, 20 % from templates, 9 % neutral sentences made toxic, 14 % copies.

    With `taught` (training/distil.py) half of the ParaDetox share is drawn from those rewrites.
    Lexicon words of the source are disguised in 15 % of the samples, new words put into both sides of 30 %. Hand-written
    and template pairs get neutral sentences around them in a quarter of the cases; 8 % of all samples are two at once.
    """

    def __init__(self, corpora: Corpora, noise: Noise, work: Path, taught: list[Sample]) -> None:
        self.noise, self.rng = noise, noise.rng
        self.taught = taught
        self.pools = corpora.neutral_pools
        self.lexicon = corpora.lexicon
        self.pairs = good_pairs(corpora, work)
        self.authored, _ = authored_pairs()
        self.clean, _ = clean_comments()
        self.templates = Templates(self.rng)

    def reseed(self, block: int) -> None:
        self.rng.seed(f"finetune-{block}")

    def neutral_sentence(self) -> str:
        luck = self.rng.random()
        if luck < 0.12:
            return self.rng.choice(self.clean)
        if luck < 0.27:
            return self.rng.choice(self.authored)[1]
        if luck < 0.65:
            return self.rng.choice(self.pools["chat"])
        return self.rng.choice(self.pools["examples" if luck < 0.88 else "glosses"])

    def in_context(self, sample: Sample) -> Sample:
        """Neutral sentences before or after."""
        if self.rng.random() < 0.75:
            return sample
        around = self.neutral_sentence()
        if self.rng.random() < 0.5:
            around = around if around.endswith(END_MARKS) else around + " ."
            return f"{around} {sample[0]}", f"{around} {sample[1]}"
        source, target = (side if side.endswith(END_MARKS) else side + " ." for side in sample)
        return f"{source} {around}", f"{target} {around}"

    def single(self) -> Sample:
        rng, luck = self.rng, self.rng.random()
        if luck < 0.20 and self.taught:
            sample = rng.choice(self.taught)
        elif luck < 0.40:
            pair = rng.choice(self.pairs)
            sample = pair.toxic, rng.choice(pair.neutral)
        elif luck < 0.57:
            sample = self.in_context(rng.choice(self.authored))
        elif luck < 0.77:
            sample = self.in_context(self.templates.sentence())
        elif luck < 0.86:
            text = self.neutral_sentence()
            sample = self.noise.toxify(text), text
        else:
            text = self.neutral_sentence()
            sample = text, text
        return self.vary(*sample)

    def vary(self, source: str, target: str) -> Sample:
        """Casual spelling, a lost end mark, disguises, new words."""
        rng = self.rng
        if rng.random() < 0.08:
            source, target = source.replace("'", ""), target.replace("'", "")
        if rng.random() < 0.08 and source[-2:] == target[-2:] and source[-2:] in (" .", " !"):
            source, target = source[:-2], target[:-2]
        if rng.random() < 0.15:
            source = disguise_text(source, rng, self.lexicon, 0.8)
        return self.noise.inject(source, target) if rng.random() < 0.30 else (source, target)

    def draw(self) -> Sample:
        first = self.single()
        if self.rng.random() < 0.92:
            return first
        second = self.single()
        return f"{first[0]} {second[0]}", f"{first[1]} {second[1]}"


class PlainTextToo:
    """Other samples, but for a share that has no source: neutral sentences, from which GPT-2 learns plain English."""

    def __init__(self, samples: Samples, noise: Noise, corpora: Corpora, share: float) -> None:
        self.samples, self.rng, self.pools, self.share = samples, noise.rng, corpora.neutral_pools, share

    def reseed(self, block: int) -> None:
        self.samples.reseed(block)

    def draw(self) -> Sample:
        if self.rng.random() >= self.share:
            return self.samples.draw()
        luck = self.rng.random()
        pool = "chat" if luck < 0.6 else "examples" if luck < 0.85 else "glosses"
        return "", self.rng.choice(self.pools[pool])
