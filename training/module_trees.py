"""Module trees as PyTorch prints the models of transformers: fixtures for `detoxq models inspect`.

    python -m training.module_trees --out test/fixtures/module-trees

For each case `NAME.json` holds the config as a checkpoint's `config.json` would, the versions that printed it, the number of
parameters (shared ones once), and every tensor of the state dict with its shape; `NAME.txt` holds the print. Models are made
on the meta device: no weight is allocated.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers.activations import ACT2FN

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "models/configs"

Config = dict[str, object]


def small(cls: str, **fields: object) -> Config:
    return {"architectures": [cls], **fields}


BERT_SMALL = dict(
    model_type="bert", vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
)  # fmt: skip
ROBERTA_SMALL = {**BERT_SMALL, "model_type": "roberta"}
BART_SMALL = dict(
    model_type="bart", vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4,
    decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=40,
)  # fmt: skip
T5_SMALL = dict(model_type="t5", vocab_size=99, d_model=32, d_kv=8, d_ff=48, num_layers=3, num_heads=4)
GPT2_SMALL = dict(model_type="gpt2", vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_positions=64)

# What differs from checkpoint to checkpoint: flags that change the tree, and fields that are left to the class's defaults.
CASES: dict[str, Config] = {
    "bart-defaults": small("BartForConditionalGeneration", model_type="bart"),
    "bart-odd": small(
        "BartForConditionalGeneration", **BART_SMALL, activation_function="relu", tie_word_embeddings=False,
        scale_embedding=True, pad_token_id=3, max_position_embeddings=40,
    ),
    "t5-defaults": small("T5ForConditionalGeneration", model_type="t5"),
    "t5-gated": small(
        "T5ForConditionalGeneration", **T5_SMALL, num_decoder_layers=2, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, dropout_rate=0.05, relative_attention_num_buckets=16,
    ),
    "t5-one-layer": small("T5ForConditionalGeneration", **{**T5_SMALL, "num_layers": 1}, feed_forward_proj="gated-silu"),
    "gpt2-odd": small(
        "GPT2LMHeadModel", **GPT2_SMALL, n_inner=40, activation_function="relu", attn_pdrop=0.0, embd_pdrop=0.2,
        resid_pdrop=0.3, layer_norm_epsilon=1e-6, tie_word_embeddings=False,
    ),
    "gpt2-one-layer": small("GPT2LMHeadModel", **{**GPT2_SMALL, "n_layer": 1}),
    "bert-defaults": small("BertForSequenceClassification", model_type="bert"),
    "bert-odd": small(
        "BertForSequenceClassification", **BERT_SMALL, hidden_act="gelu_new", hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.0, classifier_dropout=0.25, layer_norm_eps=1e-6, type_vocab_size=1,
        id2label={"0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f"}, problem_type="multi_label_classification",
    ),
    "bert-relative": small("BertModel", **BERT_SMALL, position_embedding_type="relative_key", max_position_embeddings=64),
    "bert-masked": small("BertForMaskedLM", **BERT_SMALL),
    "bert-masked-untied": small("BertForMaskedLM", **BERT_SMALL, tie_word_embeddings=False),
    "bert-pretraining": small("BertForPreTraining", **BERT_SMALL),
    "bert-model": small("BertModel", **BERT_SMALL, pad_token_id=7),
    "roberta-odd": small(
        "RobertaForSequenceClassification", **ROBERTA_SMALL, hidden_act="relu", classifier_dropout=0.0, num_labels=6,
    ),
    "roberta-masked": small("RobertaForMaskedLM", **ROBERTA_SMALL),
    "roberta-model": small("RobertaModel", **ROBERTA_SMALL),
}  # fmt: skip


def build(config: Config) -> transformers.PreTrainedModel:
    name = str(config["architectures"][0])  # type: ignore[index]
    cls = getattr(transformers, name)
    with torch.device("meta"):
        return cls(cls.config_class.from_dict(dict(config)))


def record(config: Config) -> tuple[str, Config]:
    model = build(config)
    printed = repr(model)
    return printed, {
        "transformers": transformers.__version__,
        "torch": torch.__version__.split("+")[0],
        "config": config,
        "parameters": sum(p.numel() for p in model.parameters()),
        "buffers": sorted(name for name, _ in model.named_buffers() if name in model.state_dict()),
        "tensors": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
    }


def activations() -> dict[str, str]:
    """What a config may name as its activation, and how the module prints; those with weights of their own are left out."""
    printed = {}
    for name in sorted(ACT2FN):
        try:
            module = ACT2FN[name]
        except Exception as error:  # an activation that needs another package
            print(f"{name}: {error}", file=sys.stderr)
            continue
        if not list(module.parameters()):
            printed[name] = repr(module)
    return printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundled", type=Path, default=ROOT / "models")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    cases = dict(CASES)
    for file in sorted(PUBLISHED.glob("*.json")):
        cases[file.stem] = json.loads(file.read_text())
    for file in sorted(arguments.bundled.glob("*/config.json")):
        cases[file.parent.name] = json.loads(file.read_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, config in cases.items():
        printed, facts = record(config)
        (arguments.out / f"{name}.txt").write_text(f"{printed}\n")
        (arguments.out / f"{name}.json").write_text(f"{json.dumps(facts)}\n")
    (arguments.out / "activations.json").write_text(f"{json.dumps(activations(), indent=1)}\n")


if __name__ == "__main__":
    main()
