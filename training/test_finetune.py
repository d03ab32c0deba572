"""python -m unittest training.test_finetune: fine-tuning on tiny checkpoints, in seconds. Not part of `npm test`."""

from __future__ import annotations

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertTokenizerFast,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2TokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from training.checkpoints import EOS, PAD
from training.decode import Detoxifier
from training.finetune import Options, fine_tune

FIXTURES = Path("test/fixtures/checkpoints")
BPE = FIXTURES / "tiny-bart"
PAIRS = [("you are a stupid clown .", "you are wrong ."), ("shut up , kevin !", "please stop , kevin !")] * 8
LABELLED = [("you are a stupid clown .", 1), ("thanks for the quick fix .", 0)] * 8


def tiny_bart(folder: Path) -> None:
    config = BartConfig(
        vocab_size=480, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        forced_eos_token_id=None,
    )  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(BPE).save_pretrained(folder)


def tiny_gpt2(folder: Path) -> None:
    config = GPT2Config(
        vocab_size=480, n_positions=64, n_embd=32, n_layer=2, n_head=2, bos_token_id=EOS, eos_token_id=EOS
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    GPT2TokenizerFast(
        vocab_file=str(BPE / "vocab.json"), merges_file=str(BPE / "merges.txt"), add_prefix_space=True,
        bos_token="</s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip


def tiny_t5(folder: Path) -> None:
    config = T5Config(
        vocab_size=480, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=2, pad_token_id=PAD, eos_token_id=EOS,
        decoder_start_token_id=PAD,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(BPE).save_pretrained(folder)


def tiny_bert(folder: Path) -> None:
    """As published: a masked language model, without a classifier."""
    words = sorted({word for text, _ in LABELLED for word in text.split()})
    config = BertConfig(
        vocab_size=len(words) + 5, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)


class FineTuning(unittest.TestCase):
    def setUp(self) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(1)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def options(self, base: Path) -> Options:
        return Options(
            str(base), self.scratch / "out", epochs=80, batch=4, accumulate=1, learning_rate=5e-3, max_tokens=48
        )

    def check_detoxifier(self, base: Path, prompt: str) -> None:
        options = self.options(base)
        fine_tune("detoxify", options, PAIRS, PAIRS[:2])
        config = json.loads((options.out / "config.json").read_text())
        self.assertEqual(config["task_specific_params"]["detoxification"]["prompt"], prompt)
        sources, wanted = [source for source, _ in PAIRS[:2]], [target for _, target in PAIRS[:2]]
        self.assertEqual(Detoxifier(options.out).rewrite(sources), wanted)

    def test_bart_learns_its_pairs(self) -> None:
        tiny_bart(self.scratch / "base")
        self.check_detoxifier(self.scratch / "base", "{text}")

    def test_t5_learns_its_pairs_behind_a_prefix(self) -> None:
        tiny_t5(self.scratch / "base")
        self.check_detoxifier(self.scratch / "base", "paraphrase: {text}")

    def test_gpt2_learns_its_pairs_and_where_to_stop(self) -> None:
        tiny_gpt2(self.scratch / "base")
        self.check_detoxifier(self.scratch / "base", "{text} =>")

    def check_scorer(self, base: Path) -> None:
        options = self.options(base)
        task = fine_tune("classify", options, LABELLED, LABELLED[:2])
        self.assertEqual(task.report(LABELLED[:2]), "dev AUC 1.0000 accuracy 1.0000")
        config = json.loads((options.out / "config.json").read_text())
        self.assertEqual(config["id2label"], {"0": "neutral", "1": "toxic"})

    def test_bert_without_a_classifier_becomes_a_scorer(self) -> None:
        tiny_bert(self.scratch / "base")
        self.check_scorer(self.scratch / "base")

    def test_roberta_becomes_a_scorer(self) -> None:
        self.check_scorer(FIXTURES / "tiny-roberta")

    def test_goes_on_where_it_was(self) -> None:
        """Two epochs and then on to four are four epochs, but for the schedule of the first two."""
        options = replace(self.options(FIXTURES / "tiny-bart"), epochs=2, learning_rate=1e-4)
        fine_tune("detoxify", options, PAIRS, PAIRS[:2])
        first = torch.load(options.state_file, weights_only=True)
        fine_tune("detoxify", replace(options, epochs=4), PAIRS, PAIRS[:2])
        second = torch.load(options.state_file, weights_only=True)
        self.assertEqual((first["step"], second["step"]), (8, 16))

    def test_refuses_what_detoxq_would_not_take(self) -> None:
        for task, base in (("detoxify", FIXTURES / "tiny-roberta"), ("classify", FIXTURES / "tiny-bart")):
            with self.assertRaisesRegex(SystemExit, "is one of"):
                fine_tune(task, self.options(base), PAIRS, PAIRS[:2])


if __name__ == "__main__":
    unittest.main()
