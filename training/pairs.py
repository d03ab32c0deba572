"""Which ParaDetox training pairs are worth learning from."""

from __future__ import annotations

import difflib
import json
import random
from pathlib import Path

import numpy as np

from training.corpora import Corpora, Pair
from training.ngrams import fit_ngrams
from training.noise import HAS_LETTER

SEED = 21
MOST_TOXIC = 0.4  # out-of-fold probability of a paraphrase
LEAST_OVERLAP = 0.4  # difflib ratio over tokens
# After one of these a phrase wants its noun; before one of `ENDS` there can be none.
OPENERS = set(
    "a an the such my your our their its every total complete absolute big real whole same other little old new "
    "stupid very".split()
)
ENDS = set(
    ". , ! ? ; : ... ) and or but so because if when while that who which of in on at to from with by for about is are "
    "was were has have had do does did can could will would should i you he she we they".split()
)


def headless(toxic: str, neutral: str) -> bool:
    """Whether the paraphrase leaves a determiner without a noun that the source did not leave: `such an , kevin`."""
    before, words = toxic.split(), neutral.split()
    known = set(zip(before, [*before[1:], "."], strict=True))
    return any(
        first in OPENERS and second in ENDS and (first, second) not in known
        for first, second in zip(words, [*words[1:], "."], strict=True)
    )


def out_of_fold_toxicity(corpora: Corpora) -> list[list[float]]:
    """For each training pair the n-gram regression's view of each paraphrase, fitted without that pair."""
    rng = random.Random(SEED)
    folds = np.array([rng.randrange(2) for _ in corpora.pairs_train])
    scores: list[list[float]] = [[] for _ in corpora.pairs_train]
    for fold in range(2):
        rows = list(corpora.jigsaw_train)
        for i in np.flatnonzero(folds != fold):
            pair = corpora.pairs_train[i]
            rows += [(pair.toxic, 1), (pair.neutral[0], 0)]
        model = fit_ngrams([text for text, _ in rows], np.array([label for _, label in rows]))
        mine = np.flatnonzero(folds == fold)
        flat = [text for i in mine for text in corpora.pairs_train[i].neutral]
        predicted = iter(model.predict(flat).tolist())
        for i in mine:
            scores[i] = [next(predicted) for _ in corpora.pairs_train[i].neutral]
    return scores


def flaw(toxic: str, neutral: str, score: float, lexicon: set[str]) -> str | None:
    """Why a paraphrase is not worth learning, or None. `score`: an n-gram regression's probability that it is toxic."""
    words = neutral.split()
    if score > MOST_TOXIC:
        return "toxic"
    if any(word in lexicon for word in words):
        return "lexicon"
    if difflib.SequenceMatcher(None, toxic.split(), words, autojunk=False).ratio() < LEAST_OVERLAP:
        return "far"
    if not HAS_LETTER.search(neutral):
        return "far"
    return "headless" if headless(toxic, neutral) else None


def good_pairs(corpora: Corpora, work: Path | None = None) -> list[Pair]:
    """Training pairs whose paraphrases look neutral, stay close to the source and keep their nouns.

    With `work` they are kept in that folder for the next time: finding them takes minutes.
    """
    file = work / "good_pairs.json" if work else None
    if file and file.exists():
        return [Pair(toxic, tuple(neutral)) for toxic, neutral in json.loads(file.read_text(encoding="utf8"))]
    kept, dropped = [], dict.fromkeys(("toxic", "lexicon", "far", "headless"), 0)
    for pair, scores in zip(corpora.pairs_train, out_of_fold_toxicity(corpora), strict=True):
        good = []
        for text, score in zip(pair.neutral, scores, strict=True):
            fault = flaw(pair.toxic, text, score, corpora.lexicon)
            if fault is None:
                good.append(text)
            else:
                dropped[fault] += 1
        if good:
            kept.append(Pair(pair.toxic, tuple(good)))
    print(f"pairs kept {len(kept)} of {len(corpora.pairs_train)}; paraphrases dropped {dropped}", flush=True)
    if file:
        file.write_text(json.dumps([(pair.toxic, pair.neutral) for pair in kept]), encoding="utf8")
    return kept
