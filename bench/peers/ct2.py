"""CTranslate2 as its users run it: converted once, batches sorted by length by CTranslate2 itself."""

from __future__ import annotations

from collections import defaultdict

import ctranslate2
import numpy as np
from safetensors.numpy import load_file
from texts import by_padded_tokens, load_tokenizer

THREADS = {"inter_threads": 1, "intra_threads": 1}
TYPES = {"cpu": "int8", "cuda": "float16"}


class Translator:
    """Encoder and decoder."""

    def __init__(
        self, checkpoint: str, model: str, max_tokens: int, prompt: str, generation: dict, device: str = "cpu"
    ) -> None:
        self.tokenizer = load_tokenizer(checkpoint, max_tokens)
        self.ids = self.tokenizer.get_vocab()
        self.prompt = prompt
        self.model = ctranslate2.Translator(model, device=device, compute_type=TYPES[device], **THREADS)
        self.options = {
            "beam_size": generation["num_beams"],
            "max_decoding_length": generation["max_new_tokens"],
            "no_repeat_ngram_size": generation.get("no_repeat_ngram_size", 0),
            "repetition_penalty": generation.get("repetition_penalty", 1),
            "min_decoding_length": 0,
            "max_input_length": 0,
            "return_end_token": True,
        }

    def run(self, texts: list[str], settings: dict) -> list[list[int]]:
        prompts = [self.prompt.replace("{text}", text) for text in texts]
        source = [encoding.tokens for encoding in self.tokenizer.encode_batch(prompts)]
        results = self.model.translate_batch(source, **settings, **self.options)
        tokens = [[self.ids[token] for token in result.hypotheses[0]] for result in results]
        self.tokenizer.decode_batch(tokens)
        return tokens


class Generator:
    """Decoder only."""

    def __init__(
        self, checkpoint: str, model: str, max_tokens: int, prompt: str, generation: dict, device: str = "cpu"
    ) -> None:
        self.tokenizer = load_tokenizer(checkpoint, max_tokens)
        self.prompt = prompt
        self.model = ctranslate2.Generator(model, device=device, compute_type=TYPES[device], **THREADS)
        self.options = {
            "beam_size": generation["num_beams"],
            "max_length": generation["max_new_tokens"],
            "include_prompt_in_result": False,
            "return_end_token": True,
        }

    def run(self, texts: list[str], settings: dict) -> list[list[int]]:
        """`settings.equal_lengths`: a call for each length, so that CTranslate2 reads every prompt at once."""
        prompts = [self.prompt.replace("{text}", text) for text in texts]
        source = [encoding.tokens for encoding in self.tokenizer.encode_batch(prompts)]
        batches = {key: value for key, value in settings.items() if key != "equal_lengths"}
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for index, tokens in enumerate(source):
            groups[len(tokens) if settings.get("equal_lengths") else 0].append(index)
        tokens: list[list[int]] = [[] for _ in texts]
        for group in groups.values():
            results = self.model.generate_batch([source[i] for i in group], **batches, **self.options)
            for index, result in zip(group, results, strict=True):
                tokens[index] = list(result.sequences_ids[0])
        self.tokenizer.decode_batch(tokens)
        return tokens


class Classifier:
    """The encoder; RoBERTa's head is two small products in numpy, of the first token."""

    def __init__(self, checkpoint: str, model: str, max_tokens: int) -> None:
        self.tokenizer = load_tokenizer(checkpoint, max_tokens)
        self.model = ctranslate2.Encoder(model, device="cpu", compute_type="int8", **THREADS)
        self.head = {
            name.removeprefix("classifier."): tensor
            for name, tensor in load_file(f"{checkpoint}/model.safetensors").items()
            if name.startswith("classifier.")
        }

    def run(self, texts: list[str], settings: dict) -> list[list[float]]:
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        logits = np.zeros((len(rows), len(self.head["out_proj.bias"])), np.float32)
        for batch in by_padded_tokens(rows, settings["padded_tokens"]):
            states = np.array(self.model.forward_batch([rows[i] for i in batch]).last_hidden_state)[:, 0]
            inner = np.tanh(states @ self.head["dense.weight"].T + self.head["dense.bias"])
            logits[batch] = inner @ self.head["out_proj.weight"].T + self.head["out_proj.bias"]
        return logits.tolist()
