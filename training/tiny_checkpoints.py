"""Tiny checkpoints with random weights: fixtures for the tests of the engine.

    python -m training.tiny_checkpoints --out test/fixtures/checkpoints

Variants which between them cover what differs from checkpoint to checkpoint in a family: BART and RoBERTa here, T5 and
GPT-2 in tiny_generators.py, BERT in tiny_encoders.py. The weights are large enough that greedy outputs depend on the input and differ from text to
text; the bias of the end token is set so that some outputs end by themselves and some at the length limit.
For each a `reference.jsonl` (training/reference.py's form) for `TEXTS` is written beside the weights.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    GenerationConfig,
    GPT2LMHeadModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from training.checkpoints import BOS, EOS, PAD, save_tokenizer, save_weights, train_bpe
from training.reference import classifier_reference, generator_reference
from training.tiny_encoders import write_classifiers, write_encoders
from training.tiny_generators import (
    GPT2_END,
    GPT2_VARIANTS,
    T5_EOS,
    T5_VARIANTS,
    add_old_keys,
    log_likelihood,
    raise_end_row,
    save_gpt2_tokenizer,
    save_unigram_tokenizer,
    tiny_gpt2,
    tiny_t5,
    use_old_names,
)

VOCABULARY = 480
POSITIONS = 64
TEXTS = (
    "you are wrong about this , please read the page again .",
    "what a strange plan , kevin !",
    "nobody asked you .",
    "hello",
    "the trains ran 40 minutes late and nobody told us why .",
    "i don't care about the benchmarks , show me the code .",
    "see urlx for the list , then write to @userx .",
    "this soup is cold , the bread is old and the waiter has gone home .",
    "why is the door open ? it is raining .",
    "stop .",
    "thanks for the quick fix , it saved me two days of work and a long night .",
    "that's not what she said , and you know it !",
    "zoë paid 1,250.50 € for a naïve painting .",
    "the meeting starts at 9:00 ; bring your laptop and a pen .",
    "no no no no no no",
    "a b c d e f g h i j k l m n o p",
    "they sold the old house near the river and moved to a small town in the north .",
    "well ... that was not a smart move .",
    '" quiet , please " , said the librarian .',
    "this sentence is longer than the others because a window of sixty-four places has to be filled to its very last "
    "place , so it goes on and on , past the house , past the river , past the hill , and it still is not at its end .",
)

BART_VARIANTS: dict[str, dict[str, object]] = {
    # the plain form: tied embeddings, gelu
    "tiny-bart": dict(d_model=32, encoder_layers=2, decoder_layers=2, heads=2, ffn=64),
    # embeddings multiplied by sqrt(d_model)
    "tiny-bart-scaled": dict(d_model=48, encoder_layers=1, decoder_layers=2, heads=4, ffn=96, scale_embedding=True),
    # an output matrix of its own, relu
    "tiny-bart-untied": dict(
        d_model=32, encoder_layers=2, decoder_layers=1, heads=4, ffn=64, tie_word_embeddings=False,
        activation_function="relu",
    ),
    # the published BART checkpoints force the first token, and the last one at the length limit
    "tiny-bart-forced": dict(
        d_model=32, encoder_layers=1, decoder_layers=1, heads=2, ffn=64, forced_bos_token_id=BOS,
        forced_eos_token_id=EOS,
    ),
    # norms before each part and after the last one, large embeddings
    "tiny-mbart": dict(d_model=32, encoder_layers=1, decoder_layers=2, heads=2, ffn=64, scale_embedding=True, mbart=True),
}  # fmt: skip


T5_SEEDS = {"tiny-t5": 40, "tiny-t5-gated": 8}


def randomise(model: PreTrainedModel, generator: torch.Generator, position_gain: float = 3.0) -> None:
    """Rows of unit norm; biases and norms away from their neutral values; in the matrices a gain that
    makes attention sharp and lets position and source outweigh the last token (else greedy search repeats itself)."""
    gains = {"embed_positions": position_gain, "encoder_attn.out_proj": 8.0, "fc2": 3.0, "q_proj": 2.5, "k_proj": 2.5}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            gain = next((value for part, value in gains.items() if part in name), 1.0)
            if weight.ndim == 2:
                weight.copy_(noise * gain / math.sqrt(weight.shape[1]))
            elif "norm" in name.lower() and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise)
            else:
                weight.copy_(0.1 * noise)


def tiny_bart(seed: int, shape: dict[str, object]) -> PreTrainedModel:
    options = dict(shape)
    multilingual = options.pop("mbart", False)
    heads, ffn = options.pop("heads"), options.pop("ffn")
    forced_bos, forced_eos = options.pop("forced_bos_token_id", None), options.pop("forced_eos_token_id", None)
    config = (MBartConfig if multilingual else BartConfig)(
        vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, encoder_attention_heads=heads,
        decoder_attention_heads=heads, encoder_ffn_dim=ffn, decoder_ffn_dim=ffn, decoder_start_token_id=EOS,
        forced_bos_token_id=None, forced_eos_token_id=None, **options,
    )  # fmt: skip
    model = (MBartForConditionalGeneration if multilingual else BartForConditionalGeneration)(config)
    generator = torch.Generator().manual_seed(seed)
    randomise(model, generator, 3.0 * math.sqrt(config.d_model) if config.scale_embedding else 3.0)
    with torch.no_grad():
        model.final_logits_bias.copy_(0.3 * torch.randn(1, VOCABULARY, generator=generator))
        model.final_logits_bias[0, :EOS] = -20.0
        model.final_logits_bias[0, EOS + 1 : EOS + 3] = -20.0
    model.generation_config = GenerationConfig(
        num_beams=1, max_length=40, bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=EOS,
        forced_bos_token_id=forced_bos, forced_eos_token_id=forced_eos,
    )  # fmt: skip
    return model.eval()


def tiny_roberta(seed: int) -> RobertaForSequenceClassification:
    config = RobertaConfig(
        vocab_size=VOCABULARY, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=POSITIONS + 2, type_vocab_size=1, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS,
        num_labels=2, id2label={0: "neutral", 1: "toxic"}, label2id={"neutral": 0, "toxic": 1}, layer_norm_eps=1e-5,
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    randomise(model, torch.Generator().manual_seed(seed))
    return model.eval()


def raise_end_token(model: PreTrainedModel, tokenizer) -> None:
    """Raises the end token's bias until about half of `TEXTS` end by themselves before the limit."""
    with torch.no_grad():
        model.final_logits_bias[0, EOS] = -6.0
    for _ in range(60):
        ended = sum(len(generator_reference(model, tokenizer, text, POSITIONS)["tokens"]) < 38 for text in TEXTS)
        if ended >= len(TEXTS) // 2:
            return
        with torch.no_grad():
            model.final_logits_bias[0, EOS] += 0.25


def write_reference(folder: Path, model: PreTrainedModel) -> list[dict[str, object]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    refer = generator_reference if model.can_generate() else classifier_reference
    rows = [refer(model, tokenizer, text, POSITIONS) for text in TEXTS]
    if isinstance(model, GPT2LMHeadModel):
        rows = [{**row, "log_likelihood": log_likelihood(model, row["input_tokens"])} for row in rows]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "reference.jsonl").write_text("".join(lines), encoding="utf8")
    return rows


def save_generator(folder: Path, model: PreTrainedModel) -> None:
    save_weights(model, folder, half=False)
    rows = write_reference(folder, model)
    distinct = len({tuple(row["tokens"]) for row in rows})
    ended = sum(len(row["tokens"]) < (model.generation_config.max_new_tokens or 38) for row in rows)
    print(f"{folder.name}: {distinct} distinct outputs of {len(rows)}, {ended} end by themselves")


def finish_generator(folder: Path, model: PreTrainedModel, end_token: int) -> None:
    """Gives some outputs an end, then saves the model with its reference."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def count_ended() -> int:
        return sum(len(generator_reference(model, tokenizer, text, POSITIONS)["tokens"]) < limit for text in TEXTS)

    limit = model.generation_config.max_new_tokens or 38
    raise_end_row(model, end_token, count_ended, len(TEXTS) // 4)
    save_generator(folder, model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    bpe = train_bpe(list(TEXTS) * 2, VOCABULARY)

    for number, (name, shape) in enumerate(BART_VARIANTS.items()):
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        bpe.save_model(str(folder))
        save_tokenizer(folder, folder, "bart", POSITIONS)
        model = tiny_bart(options.seed + number, shape)
        raise_end_token(model, AutoTokenizer.from_pretrained(folder))
        save_generator(folder, model)

    for name in T5_VARIANTS:
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        vocabulary = save_unigram_tokenizer(folder, list(TEXTS) * 2, POSITIONS)
        finish_generator(folder, tiny_t5(name, T5_SEEDS[name], vocabulary), T5_EOS)
    add_old_keys(options.out / "tiny-t5-gated")

    for number, name in enumerate(GPT2_VARIANTS):
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        bpe.save_model(str(folder))
        save_gpt2_tokenizer(folder, POSITIONS)
        finish_generator(folder, tiny_gpt2(name, options.seed + number, VOCABULARY), GPT2_END)
    use_old_names(options.out / "tiny-gpt2")

    write_classifiers(options.out, options.seed, TEXTS, POSITIONS, VOCABULARY)
    write_encoders(options.out, options.seed, TEXTS, POSITIONS, VOCABULARY)

    folder = options.out / "tiny-roberta"
    folder.mkdir(parents=True, exist_ok=True)
    bpe.save_model(str(folder))
    save_tokenizer(folder, folder, "roberta", POSITIONS)
    classifier = tiny_roberta(options.seed)
    save_weights(classifier, folder, half=False)
    rows = write_reference(folder, classifier)
    print("tiny-roberta: toxic probabilities", [round(row["probabilities"][1], 3) for row in rows][:8])


if __name__ == "__main__":
    main()
