"""Disguises of swear words as people type them: leetspeak, stars, repeated letters, dots, dropped vowels."""

from __future__ import annotations

import random

import regex

LEET = {"a": "@4", "e": "3", "i": "1!", "o": "0", "s": "$5", "t": "7", "u": "v", "l": "1"}
PLAIN_WORD = regex.compile(r"[a-z'-]{3,}")
VOWELS = regex.compile("[aeiou]")


def disguise(word: str, rng: random.Random) -> str:
    """One disguised spelling of `word`; words that are not plain letters stay."""
    if not PLAIN_WORD.fullmatch(word):
        return word
    kind = rng.random()
    if kind < 0.30:
        spots = [i for i, c in enumerate(word) if c in LEET and (i or c not in "ti")]
        chosen = {i for i in spots if rng.random() < 0.5} or set(spots[:1])
        return "".join(rng.choice(LEET[c]) if i in chosen else c for i, c in enumerate(word))
    if kind < 0.45:
        at = rng.randrange(len(word))
        return word[:at] + word[at] * rng.randint(2, 5) + word[at + 1 :]
    if kind < 0.85:  # f*ck, f**king, f***, sh#t, f-ck
        first_vowel = VOWELS.search(word, 1)
        start = first_vowel.start() if first_vowel and rng.random() < 0.7 else rng.randint(1, max(1, len(word) - 2))
        longest = len(word) - start
        count = min(longest, rng.choice([1, 1, 1, 2, 2, longest]))
        filler = rng.choice(["*"] * 6 + ["#", "_", "-", "@"])
        if start + count >= len(word):
            filler = "*"
        return word[:start] + filler * (1 if filler == "-" else count) + word[start + count :]
    if kind < 0.92:
        return ".".join(word) if len(word) < 6 else word[:2] + "." + word[2:]
    return word[0] + VOWELS.sub("", word[1:]) if len(word) > 3 else word


def disguise_text(text: str, rng: random.Random, lexicon: set[str], share: float, other: float = 0.0) -> str:
    """Disguises each lexicon word with probability `share` and every other word with probability `other`."""
    return " ".join(
        disguise(word, rng) if rng.random() < (share if word in lexicon else other) else word for word in text.split()
    )
