"""The whole job as a script: score, rewrite what is toxic, score the rewrites, results into Postgres by COPY.

    python bench/peers/job.py JOB.json     (bench/job.ts writes it)

Each process loads both models and takes every n-th row in order of length, so that all have the same work; each batches its
rows by length and tokens. One line of JSON at the end: rows by outcome, versions.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psycopg2
from peer import load

sys.path.insert(0, str(Path(__file__).parents[2]))

from training.model_form import to_model_form  # noqa: E402

COLUMNS = ("row_no", "outcome", "text", "detoxified", "toxicity_before", "toxicity_after")
TABLE = f"""
    DROP TABLE IF EXISTS peer_results;
    CREATE TABLE peer_results ({COLUMNS[0]} bigint PRIMARY KEY, {COLUMNS[1]} text NOT NULL, {COLUMNS[2]} text NOT NULL,
      {COLUMNS[3]} text, {COLUMNS[4]} real, {COLUMNS[5]} real)"""


def toxicities(scorer, texts: list[str], settings: dict) -> np.ndarray:
    """Probability of the toxic label, [texts]."""
    logits = np.array(scorer.run(texts, settings)).reshape(len(texts), 2)
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


def work(job: dict, rows: list[tuple[int, str]]) -> tuple[Counter, dict[str, str]]:
    """Rows by outcome, and the versions of what made them."""
    scorer, versions = load(job["scorer"]["load"])
    translator, more = load(job["detoxifier"]["load"])
    connection = psycopg2.connect(job["database"])
    scoring, rewriting = job["scorer"]["settings"], job["detoxifier"]["settings"]
    forms = [to_model_form(text) for _, text in rows]
    before = toxicities(scorer, forms, scoring)
    toxic = [i for i, toxicity in enumerate(before) if toxicity >= job["threshold"]]
    tokens = translator.run([forms[i] for i in toxic], rewriting)
    rewrites = dict(zip(toxic, translator.tokenizer.decode_batch(tokens), strict=True))
    after = dict(zip(toxic, toxicities(scorer, list(rewrites.values()), scoring), strict=True))
    outcomes = Counter()
    lines = io.StringIO()
    writer = csv.writer(lines)
    for i, (number, text) in enumerate(rows):
        outcome = "clean"
        if i in rewrites:
            same = rewrites[i].strip() == forms[i]
            outcome = "unchanged" if same else "detoxified" if after[i] < job["threshold"] else "still_toxic"
        outcomes[outcome] += 1
        writer.writerow((number, outcome, text, rewrites.get(i), before[i], after.get(i)))
    lines.seek(0)
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY peer_results ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv)", lines)
    return outcomes, versions | more


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    with open(job["rows"], newline="", encoding="utf8") as file:
        rows = [(number, row["text"]) for number, row in enumerate(csv.DictReader(file))]
    connection = psycopg2.connect(job["database"])
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    rows.sort(key=lambda row: len(row[1]))
    count = job["processes"]
    with get_context("spawn").Pool(count) as pool:
        done = pool.starmap(work, [(job, rows[share::count]) for share in range(count)], chunksize=1)
    outcomes = sum((each for each, _ in done), Counter())
    print(json.dumps({"outcomes": outcomes, "versions": done[0][1]}))


if __name__ == "__main__":
    main()
