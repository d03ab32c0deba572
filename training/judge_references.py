"""What transformers says with the bundled judges, in fp32, for the test of `detoxq evaluate`'s judges.

    python -m training.judge_references examples/comments.csv --limit 60 --out test/fixtures/references/judges.jsonl

One object a pair: {source, output, neutral, acceptable, similarity}. The output is the source without its third word;
`neutral` and `acceptable` are softmax probabilities for the output in model form, `similarity` is the cosine of the
mean-pooled last hidden states of both. Each text is run alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from training.model_form import to_model_form
from training.reference import read_texts

LONGEST = 60  # words: well inside the judges' windows


class Judge:
    def __init__(self, folder: Path, kind: type) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = kind.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def probability(self, text: str, label: str) -> float:
        logits = self.model(**self.tokenizer(text, return_tensors="pt")).logits[0]
        return logits.softmax(-1)[self.model.config.label2id[label]].item()

    @torch.no_grad()
    def embed(self, text: str) -> torch.Tensor:
        hidden = self.model(**self.tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return torch.nn.functional.normalize(hidden.mean(0), dim=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    toxic = Judge(options.models / "nano-bert", AutoModelForSequenceClassification)
    fluent = Judge(options.models / "nano-fluency", AutoModelForSequenceClassification)
    similar = Judge(options.models / "nano-sim", AutoModel)
    with options.out.open("w", encoding="utf8") as handle:
        for text in list(read_texts(options.texts, None))[: options.limit]:
            words = text.split()
            if not 3 < len(words) <= LONGEST:
                continue
            output = " ".join(words[:2] + words[3:])
            form = to_model_form(output)
            pair = {
                "source": text,
                "output": output,
                "neutral": 1 - toxic.probability(form, "toxic"),
                "acceptable": fluent.probability(form, "acceptable"),
                "similarity": (similar.embed(to_model_form(text)) @ similar.embed(form)).item(),
            }
            handle.write(json.dumps(pair, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
