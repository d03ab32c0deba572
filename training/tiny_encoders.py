"""Tiny BERT checkpoints with random weights (see training/tiny_checkpoints.py, which writes them).

What they cover: a two-label classifier with the norms' old names; labels that do not exclude each other, with another
activation; encoders for sentence embeddings, by mean and by first token with a dense layer after it, as LaBSE has one.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import BertWordPieceTokenizer
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    PreTrainedModel,
)

from training.checkpoints import save_weights
from training.tiny_generators import randomise

GAINS = {"position_embeddings": 2.0, "query": 2.5, "key": 2.5, "dense": 2.0}
LABELS = ("insult", "toxic", "threat")


def save_wordpiece_tokenizer(folder: Path, texts: list[str], vocabulary: int, max_length: int) -> None:
    wordpiece = BertWordPieceTokenizer(lowercase=True)
    wordpiece.train_from_iterator(texts, vocab_size=vocabulary, min_frequency=1, show_progress=False)
    wordpiece.save_model(str(folder))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=max_length).save_pretrained(folder)


def config(positions: int, vocabulary: int, **options: object) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=positions, type_vocab_size=2, **options,
    )  # fmt: skip


def prepare(kind: type[PreTrainedModel], seed: int, shape: BertConfig) -> PreTrainedModel:
    model = kind(shape)
    randomise(model, torch.Generator().manual_seed(seed), GAINS)
    return model.eval()


def write_classifiers(out: Path, seed: int, texts: tuple[str, ...], positions: int, vocabulary: int) -> None:
    two = {"id2label": {0: "toxic", 1: "neutral"}, "label2id": {"toxic": 0, "neutral": 1}}
    several = {
        "id2label": dict(enumerate(LABELS)),
        "label2id": {name: label for label, name in enumerate(LABELS)},
        "problem_type": "multi_label_classification",
        "hidden_act": "gelu_new",
    }
    for name, options in {"tiny-bert": two, "tiny-bert-labels": several}.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        save_wordpiece_tokenizer(folder, list(texts), vocabulary, positions)
        model = prepare(BertForSequenceClassification, seed, config(positions, vocabulary, **options))
        save_weights(model, folder, half=False)
        write_logits(folder, model, texts, positions)
    use_old_norm_names(out / "tiny-bert")


@torch.no_grad()
def write_logits(folder: Path, model: PreTrainedModel, texts: tuple[str, ...], positions: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=positions)
        logits = model(**inputs).logits[0]
        several = model.config.problem_type == "multi_label_classification"
        probabilities = logits.sigmoid() if several else logits.softmax(-1)
        rows.append(
            {
                "text": text, "input_tokens": inputs["input_ids"][0].tolist(), "logits": logits.tolist(),
                "probabilities": probabilities.tolist(),
            }
        )  # fmt: skip
    write_rows(folder, rows)


def write_rows(folder: Path, rows: list[dict[str, object]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "reference.jsonl").write_text("".join(lines), encoding="utf8")


def use_old_norm_names(folder: Path) -> None:
    """gamma and beta, as the first BERT files have it."""
    file = folder / "model.safetensors"
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in load_file(file).items()
    }
    save_file(old, file, metadata={"format": "pt"})
    file.chmod(0o644)


def write_encoders(out: Path, seed: int, texts: tuple[str, ...], positions: int, vocabulary: int) -> None:
    for name, of in {"tiny-encoder": "mean_tokens", "tiny-encoder-dense": "cls_token"}.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        save_wordpiece_tokenizer(folder, list(texts), vocabulary, positions)
        model = prepare(BertModel, seed, config(positions, vocabulary))
        save_weights(model, folder, half=False)
        modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
        write_json(folder / "1_Pooling", {"word_embedding_dimension": 32, f"pooling_mode_{of}": True})
        dense = None
        if of == "cls_token":
            dense = torch.nn.Linear(32, 24)
            randomise(dense, torch.Generator().manual_seed(seed + 1), {"weight": 2.0})
            modules += [("2", "2_Dense", "Dense")]
            shape = {"in_features": 32, "out_features": 24, "bias": True}
            write_json(folder / "2_Dense", {**shape, "activation_function": "torch.nn.modules.activation.Tanh"})
            tensors = {f"linear.{key}": value.detach() for key, value in dense.named_parameters()}
            save_file(tensors, folder / "2_Dense" / "model.safetensors", metadata={"format": "pt"})
            (folder / "2_Dense" / "model.safetensors").chmod(0o644)
        modules += [(str(len(modules)), f"{len(modules)}_Normalize", "Normalize")]
        entries = [
            {"idx": number, "name": key, "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (key, path, kind) in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(entries, indent=2) + "\n")
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 40, "do_lower_case": false}\n')
        write_embeddings(folder, model, dense, texts)


def write_json(folder: Path, content: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(content, indent=2) + "\n")


@torch.no_grad()
def write_embeddings(folder: Path, model: PreTrainedModel, dense: torch.nn.Linear | None, texts: tuple[str, ...]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=40)
        hidden = model(**inputs).last_hidden_state[0]
        vector = hidden.mean(0) if dense is None else dense(hidden[0]).tanh()
        ids = inputs["input_ids"][0].tolist()
        rows.append({"text": text, "input_tokens": ids, "embedding": (vector / vector.norm()).tolist()})
    write_rows(folder, rows)
