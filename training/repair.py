"""The repair guard: an output word that is neither in the source nor a known word becomes the aligned source word.

The pipeline has the same guard; this copy serves the evaluation. Texts in model form; `known` is the set of
`known_words.txt` beside the detoxifier.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import regex

HAS_WORD = regex.compile(r"[\p{L}\p{N}]")


def read_known_words(folder: Path) -> set[str]:
    return set((folder / "known_words.txt").read_text(encoding="utf8").split())


def repair(source: str, output: str, known: set[str]) -> str:
    """Unknown words of a rewritten span take the most similar unused source word of that span; else they go."""
    before, after = source.split(), output.split()
    present = set(before)

    def unknown(word: str) -> bool:
        return HAS_WORD.search(word) is not None and word not in present and word not in known

    if not any(unknown(word) for word in after):
        return output
    repaired: list[str] = []
    for kind, i, j, k, l in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            repaired += after[k:l]
            continue
        free = [at for at in range(i, j) if HAS_WORD.search(before[at])]
        for at in range(k, l):
            if not unknown(after[at]):
                repaired.append(after[at])
                continue
            likeness = [
                (difflib.SequenceMatcher(None, before[x], after[at]).ratio() - 0.05 * abs((x - i) - (at - k)), x)
                for x in free
            ]
            if likeness and max(likeness)[0] > 0.3:
                chosen = max(likeness)[1]
                free.remove(chosen)
                repaired.append(before[chosen])
    return " ".join(repaired)
