"""One engine in a process of its own, told what to do by lines of JSON (bench/peers/process.ts writes them).

    {"load": {"engine": "ct2-translator", ...}}        -> {"seconds": 1.2, "versions": {"ctranslate2": "4.8.5"}}
    {"run": {"texts": [...], "settings": {...}}}       -> {"seconds": 9.1, "cpuSeconds": 9.0, "peakMb": 430, "outputs": [[...], ...]}

An engine is a class that loads with the options of `load` and whose `run(texts, settings)` gives, for every text in order,
the generated token ids, or the logits. What it does in `run` counts: tokenizing and, for generators, writing the text.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from importlib.metadata import version

ENGINES = {
    "ct2-translator": ("ct2", "Translator"),
    "ct2-generator": ("ct2", "Generator"),
    "ct2-classifier": ("ct2", "Classifier"),
    "transformers-generator": ("hf", "Generator"),
    "transformers-classifier": ("hf", "Classifier"),
    "onnxruntime-classifier": ("ort", "Classifier"),
}
PACKAGES = {"ct2": ("ctranslate2", "tokenizers"), "hf": ("transformers", "torch"), "ort": ("onnxruntime", "tokenizers")}


def load(options: dict) -> tuple[object, dict[str, str]]:
    module, name = ENGINES[options.pop("engine")]
    versions = {package: version(package) for package in PACKAGES[module]}
    return getattr(import_module(module), name)(**options), versions


def main() -> None:
    # What libraries print is not ours to read: standard output carries answers only.
    answers = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)
    engine = None
    for line in sys.stdin:
        request = json.loads(line)
        start, cpu_start = time.perf_counter(), time.process_time()
        if "load" in request:
            engine, versions = load(request["load"])
            answer = {"versions": versions}
        else:
            answer = {"outputs": engine.run(request["run"]["texts"], request["run"]["settings"])}
        answer["seconds"] = time.perf_counter() - start
        answer["cpuSeconds"] = time.process_time() - cpu_start
        answer["peakMb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
