"""What differs between the three detoxifiers: network, prompt, how a sample becomes ids, how a batch becomes logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import ByteLevel, Sequence, TemplateProcessing
from transformers import (
    BartForConditionalGeneration,
    GPT2LMHeadModel,
    GPT2TokenizerFast,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5ForConditionalGeneration,
)

from transformers.activations import NewGELUActivation

from training.checkpoints import EOS, PAD, SPECIAL, encode, pad, save_tokenizer
from training.gpt2 import POSITIONS as GPT2_POSITIONS
from training.gpt2 import PROMPT as GPT2_PROMPT
from training.gpt2 import new_gpt2
from training.model import DETOXIFIER_POSITIONS, new_detoxifier
from training.t5 import POSITIONS as T5_POSITIONS
from training.t5 import PROMPT as T5_PROMPT
from training.t5 import new_t5

LONGEST = 110  # ids a side in training
BART_FOLDER = Path("models/nano-bart")

Row = tuple[list[int], list[int]]
Batch = tuple[torch.Tensor, torch.Tensor]


def bare(bpe, lines: list[str], end: bool) -> list[list[int]]:
    """Pieces alone, with `</s>` after them where asked."""
    closing = [EOS] if end else []
    rows = bpe.encode_batch(lines, add_special_tokens=False)
    return [encoding.ids[: LONGEST - len(closing)] + closing for encoding in rows]


@dataclass(frozen=True)
class Generator(ABC):
    name: str
    prompt: str
    positions: int
    bfloat16: bool  # whether training multiplies in it: half the time on a CPU that has it

    @abstractmethod
    def new(self) -> PreTrainedModel: ...

    @abstractmethod
    def load(self, folder: Path) -> PreTrainedModel: ...

    @abstractmethod
    def rows(self, bpe, pairs: list[tuple[str, str]]) -> list[Row]: ...

    @abstractmethod
    def forward(self, model: PreTrainedModel, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (tokens, vocabulary) where a token of a target is wanted, and those tokens."""

    @abstractmethod
    def save_tokenizer(self, bpe_folder: Path, out: Path) -> None: ...


class Bart(Generator):
    def new(self) -> PreTrainedModel:
        return new_detoxifier()

    def load(self, folder: Path) -> PreTrainedModel:
        return BartForConditionalGeneration.from_pretrained(folder)

    def rows(self, bpe, pairs: list[tuple[str, str]]) -> list[Row]:
        sources = encode(bpe, [source for source, _ in pairs], LONGEST)
        targets = encode(bpe, [target for _, target in pairs], LONGEST)
        return list(zip(sources, targets, strict=True))

    def forward(self, model: PreTrainedModel, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        source, target = pad([row[0] for row in rows]), pad([row[1] for row in rows])
        shifted = torch.cat([torch.full((len(target), 1), EOS), target[:, :-1]], 1)
        states = model.model(
            input_ids=source, attention_mask=(source != PAD).long(), decoder_input_ids=shifted, use_cache=False
        ).last_hidden_state
        real = target != PAD
        return model.lm_head(states[real]) + model.final_logits_bias[0], target[real]

    def save_tokenizer(self, bpe_folder: Path, out: Path) -> None:
        save_tokenizer(bpe_folder, out, "bart", self.positions)


def bart_embeddings() -> torch.Tensor:
    """The finished nano-bart's embeddings: the two other generators share its vocabulary and start from them."""
    return BartForConditionalGeneration.from_pretrained(BART_FOLDER).model.shared.weight.detach()


class T5(Generator):
    def new(self) -> PreTrainedModel:
        return new_t5(bart_embeddings())

    def load(self, folder: Path) -> PreTrainedModel:
        return T5ForConditionalGeneration.from_pretrained(folder)

    def rows(self, bpe, pairs: list[tuple[str, str]]) -> list[Row]:
        sources = bare(bpe, [self.prompt.replace("{text}", source) for source, _ in pairs], end=True)
        return list(zip(sources, bare(bpe, [target for _, target in pairs], end=True), strict=True))

    def forward(self, model: PreTrainedModel, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        source, target = pad([row[0] for row in rows]), pad([row[1] for row in rows])
        shifted = torch.cat([torch.full((len(target), 1), PAD), target[:, :-1]], 1)
        mask = (source != PAD).long()
        states = model.decoder(
            input_ids=shifted,
            encoder_hidden_states=model.encoder(input_ids=source, attention_mask=mask).last_hidden_state,
            encoder_attention_mask=mask, use_cache=False,
        ).last_hidden_state  # fmt: skip
        real = target != PAD
        return model.lm_head(states[real] * model.model_dim**-0.5), target[real]

    def save_tokenizer(self, bpe_folder: Path, out: Path) -> None:
        """The shared byte-level BPE with T5's manners: nothing before a text, `</s>` after it."""
        save_tokenizer(bpe_folder, out, "bart", self.positions)
        pieces = Tokenizer.from_file(str(out / "tokenizer.json"))
        closing = TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", EOS)])
        pieces.post_processor = Sequence([ByteLevel(trim_offsets=True), closing])
        names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), SPECIAL, strict=True))
        del names["bos_token"]
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=pieces, model_max_length=self.positions, clean_up_tokenization_spaces=False,
            model_input_names=["input_ids", "attention_mask"], **names,
        )  # fmt: skip
        tokenizer.save_pretrained(out)
        for spare in ("vocab.json", "merges.txt"):  # a slow tokenizer's, and this class has none
            (out / spare).unlink()


class Gpt2(Generator):
    """Half of its positions are for the prompt, which is the tokenizer's limit, half for the rewrite."""

    def new(self) -> PreTrainedModel:
        return new_gpt2(bart_embeddings())

    def load(self, folder: Path) -> PreTrainedModel:
        return GPT2LMHeadModel.from_pretrained(folder)

    def rows(self, bpe, pairs: list[tuple[str, str]]) -> list[Row]:
        """A sample without a source is plain text, between two end tokens."""
        prompts = bare(bpe, [self.prompt.replace("{text}", source) for source, _ in pairs], end=False)
        prompts = [ids if source else [EOS] for ids, (source, _) in zip(prompts, pairs, strict=True)]
        return list(zip(prompts, bare(bpe, [target for _, target in pairs], end=True), strict=True))

    def forward(self, model: PreTrainedModel, rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        ids = pad([source + target for source, target in rows])
        wanted = pad([[PAD] * len(source) + target for source, target in rows])[:, 1:]
        # Padding stands behind everything, where a causal model does not see it: no mask.
        states = model.transformer(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        real = wanted != PAD
        return model.lm_head(states[real]), wanted[real]

    def save_tokenizer(self, bpe_folder: Path, out: Path) -> None:
        tokenizer = GPT2TokenizerFast(
            vocab_file=str(bpe_folder / "vocab.json"), merges_file=str(bpe_folder / "merges.txt"),
            add_prefix_space=True, model_max_length=self.positions // 2, bos_token="</s>", eos_token="</s>",
            unk_token="<unk>", pad_token="<pad>", clean_up_tokenization_spaces=False,
        )  # fmt: skip
        tokenizer.save_pretrained(out)


GENERATORS: dict[str, Generator] = {
    "bart": Bart("bart", "{text}", DETOXIFIER_POSITIONS, bfloat16=False),
    "t5": T5("t5", T5_PROMPT, T5_POSITIONS, bfloat16=True),
    "gpt2": Gpt2("gpt2", GPT2_PROMPT, GPT2_POSITIONS, bfloat16=True),
}


def use_fused_gelu(model: torch.nn.Module) -> None:
    """The same GELU as `gelu_new`, in one operation instead of eight."""
    for module in model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, NewGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def set_dropout(model: torch.nn.Module, rate: float) -> None:
    """Dropout of embeddings and residuals; attention weights are never dropped."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0 if "attn_dropout" in name else rate
        elif isinstance(getattr(module, "dropout", None), float) and "Attention" not in type(module).__name__:
            module.dropout = rate
