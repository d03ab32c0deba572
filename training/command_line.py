"""What the scripts that train and judge are told."""

from __future__ import annotations

import argparse
from pathlib import Path


def training_parser(description: str | None, out: str | None = None) -> argparse.ArgumentParser:
    """For `--data` and `--work`, and for `--out` where there is a default for it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way, not committed")
    if out is not None:
        parser.add_argument("--out", type=Path, default=Path(out))
    return parser
