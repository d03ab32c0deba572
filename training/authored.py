"""The hand-written pairs and clean comments of `training/authored/` (our own text, CC0), in model form."""

from __future__ import annotations

from pathlib import Path

from training.corpora import read_rows
from training.model_form import to_model_form

FOLDER = Path(__file__).parent / "authored"
DEV_EVERY = 12  # each twelfth pair and clean comment is for choices, the rest for training


def split(rows: list) -> tuple[list, list]:
    dev = rows[::DEV_EVERY]
    return [row for number, row in enumerate(rows) if number % DEV_EVERY], dev


def authored_pairs() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(toxic, neutral) for training, for choices."""
    rows = []
    for file in sorted(FOLDER.glob("pairs_*.tsv")):
        for row in read_rows(file, quoted=False):
            toxic, neutral = (to_model_form(text) for text in row[:2])
            if toxic and neutral and toxic != neutral:
                rows.append((toxic, neutral))
    return split(rows)


def clean_comments() -> tuple[list[str], list[str]]:
    """Civil comments that may not be flagged, for training, for choices."""
    return split([to_model_form(row[0]) for row in read_rows(FOLDER / "clean.tsv", quoted=False) if row[0]])
