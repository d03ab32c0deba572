"""New text for the scorer's teacher to label: no sentence of it was ever written."""

from __future__ import annotations

import random

BREAKS = set(". , ; : ! ? - and but so because".split())
LONGEST = 40  # words


def cut(words: list[str], rng: random.Random) -> int:
    """A place to cut: after a mark or before a conjunction where there is one, else anywhere."""
    places = [i for i in range(1, len(words)) if words[i - 1] in BREAKS]
    return rng.choice(places) if places and rng.random() < 0.6 else rng.randrange(1, max(2, len(words)))


def recombined(rows: list[str], others: list[str], count: int, rng: random.Random) -> list[str]:
    """Splices of two rows, rows with some words of other rows put over theirs, fragments of three rows in a line, and
    other sentences with words of the rows."""
    words = [word for row in rows for word in row.split()]
    out = []
    for _ in range(count):
        luck, first = rng.random(), rng.choice(rows).split()
        if luck < 0.40:
            second = rng.choice(rows).split()
            made = first[: cut(first, rng)] + second[cut(second, rng) :]
        elif luck < 0.75:
            share = rng.uniform(0.1, 0.5)
            made = [rng.choice(words) if rng.random() < share else word for word in first]
        elif luck < 0.88:
            made = []
            for _ in range(3):
                part = rng.choice(rows).split()
                start = rng.randrange(max(1, len(part) - 5))
                made += part[start : start + rng.randint(3, 7)]
        else:
            share = rng.uniform(0.1, 0.4)
            made = [rng.choice(words) if rng.random() < share else word for word in rng.choice(others).split()]
        out.append(" ".join(made[:LONGEST]))
    return out
