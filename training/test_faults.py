"""python -m unittest training.test_faults"""

from __future__ import annotations

import random
import unittest

from training.faults import Faults

SENTENCES = (
    "what idiot approved this ?",
    "you are such an idiot , kevin !",
    "the old house is near the river .",
    "i can't believe that they sold it",
    "hi",
)


class FaultsTest(unittest.TestCase):
    def faults(self, seed: int) -> Faults:
        return Faults(random.Random(seed), ["table", "green"], {"idiot"})

    def test_a_fault_changes_the_sentence_and_says_where(self) -> None:
        for seed in range(300):
            for text in SENTENCES:
                words, flags = self.faults(seed).spoil(text)
                self.assertEqual(len(words), len(flags))
                self.assertTrue(" ".join(words) != text or not any(flags), text)

    def test_the_swear_word_that_held_a_phrase_together_goes(self) -> None:
        for text, wanted, place in (
            ("what idiot approved this ?", "what approved this ?", 1),
            ("you are such an idiot , kevin !", "you are such an , kevin !", 4),
        ):
            words = text.split()
            flags = [False] * len(words)
            self.assertTrue(self.faults(1).lose_swearing(words, flags))
            self.assertEqual(" ".join(words), wanted)
            self.assertEqual([i for i, flag in enumerate(flags) if flag], [place])

    def test_a_mere_intensifier_is_not_missed(self) -> None:
        words = "the idiot driver left .".split()
        self.assertFalse(self.faults(1).lose_swearing(words, [False] * 5))

    def test_the_same_seed_gives_the_same_faults(self) -> None:
        first, second = self.faults(7), self.faults(7)
        self.assertEqual([first.spoil(t) for t in SENTENCES * 9], [second.spoil(t) for t in SENTENCES * 9])


if __name__ == "__main__":
    unittest.main()
