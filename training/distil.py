"""Pairs of a taught kind: what the finished nano-bart makes of toxic training sentences, for the two later generators.

    python -m training.distil --data data --work /tmp/detoxq-training

writes `taught.jsonl`: rewrites of the toxic sides of ParaDetox's training pairs, of the hand-written pairs, and of toxic
training rows of Jigsaw, for which nobody wrote a paraphrase. Kept are those that pass the filter of the written pairs
(training/pairs.py). No held-out sentence is among the sources, and the judges' models have no part in the filter.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from training.authored import authored_pairs
from training.command_line import training_parser
from training.corpora import Corpora
from training.decode import Detoxifier
from training.ngrams import fit_ngrams
from training.pairs import flaw
from training.repair import read_known_words, repair

FILE = "taught.jsonl"


def toxic_sources(corpora: Corpora) -> list[str]:
    """Toxic training sentences of 3 to 24 tokens."""
    texts = [pair.toxic for pair in corpora.pairs_train]
    texts += [toxic for toxic, _ in authored_pairs()[0]]
    texts += [text for text, label in corpora.jigsaw_train if label]
    return sorted({text for text in texts if 3 <= len(text.split()) <= 24 and len(text) < 150} - corpora.held_out)


def taught_pairs(corpora: Corpora, teacher: Detoxifier) -> list[tuple[str, str]]:
    rows = list(corpora.jigsaw_train)
    for pair in corpora.pairs_train:
        rows += [(pair.toxic, 1), (pair.neutral[0], 0)]
    ngrams = fit_ngrams([text for text, _ in rows], np.array([label for _, label in rows]))
    sources, known = toxic_sources(corpora), read_known_words(teacher.folder)
    outputs = [repair(s, o, known) for s, o in zip(sources, teacher.rewrite(sources), strict=True)]
    kept = [
        (source, output)
        for source, output, score in zip(sources, outputs, ngrams.predict(outputs).tolist(), strict=True)
        if source != output and flaw(source, output, score, corpora.lexicon) is None
    ]
    print(f"rewrites kept {len(kept)} of {len(sources)}", flush=True)
    return kept


def read_taught(work: Path) -> list[tuple[str, str]]:
    lines = (work / FILE).read_text(encoding="utf8").split("\n")
    return [tuple(json.loads(line)) for line in lines if line]


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument("--teacher", type=Path, default=Path("models/nano-bart"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = taught_pairs(Corpora(options.data), Detoxifier(options.teacher))
    lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    (options.work / FILE).write_text("".join(lines), encoding="utf8")


if __name__ == "__main__":
    main()
