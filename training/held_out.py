"""The ParaDetox sentences that nothing was trained on, as a file for `detoxq run` and `detoxq evaluate`.

    python -m training.held_out --data data --part test --out /tmp/held-out.tsv
    detoxq run /tmp/held-out.tsv --text-column src
    detoxq evaluate --run latest --ref-column ref,ref1,ref2

`test` is the tenth of the model cards: for figures, never for choices. `dev` are the 600 pairs that choices are made by.
Columns: `src`, and `ref`, `ref1`, `ref2` (human paraphrases, empty where there are fewer), all in model form.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from training.corpora import Corpora

REFERENCES = ["ref", "ref1", "ref2"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--part", choices=["test", "dev"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    corpora = Corpora(options.data)
    pairs = corpora.pairs_test if options.part == "test" else corpora.pairs_dev
    with options.out.open("w", encoding="utf8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["src", *REFERENCES])
        for pair in pairs:
            missing = [""] * (len(REFERENCES) - len(pair.neutral))
            writer.writerow([pair.toxic, *pair.neutral[: len(REFERENCES)], *missing])


if __name__ == "__main__":
    main()
