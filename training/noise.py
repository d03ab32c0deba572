"""Neutral sentence in, training sample out: made toxic by mined edit rules, masked, lightly broken, or copied."""

from __future__ import annotations

import difflib
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import regex
from tokenizers import ByteLevelBPETokenizer

from training.checkpoints import SPECIAL
from training.corpora import Corpora, Pair

START, END = "<s>", "</s>"
HAS_LETTER = regex.compile("[a-z]")
RARE_WORD = regex.compile(r"[a-z][a-z'-]{3,13}")
NOT_ALNUM = regex.compile("[^a-z0-9]")
NAMES = (
    "kevin karen linda dave sarah mike tom anna ben carla diego elena frank greta hugo ivan julia kim leo maria nina "
    "omar paula quentin rosa sam tina uma victor wendy yusuf zoe brian steve jenny josh emily lucas amir priya chen "
    "olga hans pierre luca ahmed fatima jake kyle becky chad tyler megan rachel susan gary doug phil todd brad"
).split()
STOP_WORDS = set(
    "a an the to of in on at for with and or but if is are was were be been am do does did have has had will would can "
    "could should i you he she it we they me him her us them my your his its our their this that these those not no so "
    "as by from up out what who how when where why there all just than then too , . ! ? ' \" - ... : ;".split()
)
MAX_RULE_WORDS = 4
MIN_PAIR_RATIO = 0.5


@dataclass
class EditRules:
    """What turns neutral text toxic, counted over the training pairs.

    `replace`: neutral words -> toxic words. `before` and `after`: a word -> toxic words that stood before or after it.
    `anywhere`: toxic words that a paraphrase dropped.
    """

    replace: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    before: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    after: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    anywhere: Counter[str] = field(default_factory=Counter)


def mine_rules(pairs: list[Pair], lexicon: set[str]) -> EditRules:
    rules = EditRules()
    for pair in pairs:
        toxic = [START, *pair.toxic.split(), END]
        for text in pair.neutral:
            neutral = [START, *text.split(), END]
            matcher = difflib.SequenceMatcher(None, toxic, neutral, autojunk=False)
            if matcher.ratio() < MIN_PAIR_RATIO:
                continue
            for kind, i, j, k, l in matcher.get_opcodes():
                removed = toxic[i:j]
                if kind == "equal" or j - i > MAX_RULE_WORDS or l - k > MAX_RULE_WORDS:
                    continue
                if not any(word in lexicon for word in removed):
                    continue
                phrase = " ".join(word for word in removed if word not in (START, END))
                swearing = all(word in lexicon or word in STOP_WORDS for word in removed)
                if kind == "delete" and swearing:
                    rules.before[toxic[j]][phrase] += 1
                    rules.after[toxic[i - 1]][phrase] += 1
                    rules.anywhere[phrase] += 1
                elif kind == "replace" and not all(word in STOP_WORDS for word in neutral[k:l]):
                    rules.replace[" ".join(neutral[k:l])][phrase] += 1
    rules.replace = {k: v for k, v in rules.replace.items() if v.total() >= 3 and HAS_LETTER.search(k)}
    rules.before = {k: v for k, v in rules.before.items() if v.total() >= 2}
    rules.after = {k: v for k, v in rules.after.items() if v.total() >= 2}
    rules.anywhere = Counter({k: v for k, v in rules.anywhere.items() if v >= 2})
    return rules


class Noise:
    """Seeded source of training samples. A sample is (source, target), both in model form."""

    def __init__(self, corpora: Corpora, rules: EditRules, bpe: ByteLevelBPETokenizer, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rules = rules
        self.bpe = bpe
        self.lexicon = sorted(corpora.lexicon)
        self.phrases = list(rules.anywhere)
        self.phrase_weights = [count**0.7 for count in rules.anywhere.values()]
        counts = corpora.word_counts
        self.rare = sorted(
            word
            for word, count in counts.items()
            if count <= 3 and RARE_WORD.fullmatch(word) and word not in corpora.lexicon
        )

    def pick(self, counter: Counter[str]) -> str:
        return self.rng.choices(list(counter), [count**0.75 for count in counter.values()])[0]

    def toxify(self, text: str) -> str:
        """Replaces up to three neutral phrases by toxic ones and inserts one or two toxic phrases."""
        rng, words, out, replaced, i = self.rng, text.split(), [], 0, 0
        while i < len(words):
            for width in (3, 2, 1):
                phrase = " ".join(words[i : i + width])
                known = i + width <= len(words) and phrase in self.rules.replace
                if known and replaced < 3 and rng.random() < 0.35:
                    out += self.pick(self.rules.replace[phrase]).split()
                    i, replaced = i + width, replaced + 1
                    break
            else:
                out.append(words[i])
                i += 1
        if not replaced or rng.random() < 0.5:
            for _ in range(rng.choice([1, 1, 2])):
                self.insert_toxic(out)
        return " ".join(out)

    def insert_toxic(self, words: list[str]) -> None:
        rng = self.rng
        places: list[tuple[int, Counter[str]]] = []
        for at in range(len(words) + 1):
            following = words[at] if at < len(words) else END
            previous = words[at - 1] if at else START
            if following in self.rules.before:
                places.append((at, self.rules.before[following]))
            if previous in self.rules.after:
                places.append((at, self.rules.after[previous]))
        luck = rng.random()
        if places and luck < 0.7:
            at, counter = rng.choice(places)
            phrase = self.pick(counter)
        elif luck < 0.95:
            at, phrase = rng.randrange(len(words) + 1), rng.choices(self.phrases, self.phrase_weights)[0]
        else:
            at, phrase = rng.randrange(len(words) + 1), rng.choice(self.lexicon)
        words[at:at] = phrase.split()

    def mask(self, text: str, share: float = 0.12) -> str:
        """Spans of 0 to 2 words become one `<mask>`."""
        words, out, i = text.split(), [], 0
        while i < len(words):
            if self.rng.random() < share:
                out.append("<mask>")
                i += self.rng.choice([0, 1, 1, 1, 2])
            else:
                out.append(words[i])
                i += 1
        return " ".join(out)

    def lightly_break(self, text: str) -> str:
        """One swap, loss or repetition of a word."""
        words, kind = text.split(), self.rng.random()
        if len(words) < 4:
            return text
        at = self.rng.randrange(len(words) - 1)
        if kind < 0.4:
            words[at], words[at + 1] = words[at + 1], words[at]
        elif kind < 0.8:
            words.pop(at)
        else:
            words.insert(at, words[at])
        return " ".join(words)

    def new_word(self) -> str:
        """A word that no model knows by heart: rare word, name, random pieces, handle, tag, number, placeholder."""
        rng, luck = self.rng, self.rng.random()
        if luck < 0.35:
            return rng.choice(self.rare)
        if luck < 0.50:
            return rng.choice(NAMES)
        if luck < 0.80:
            pieces = [rng.randrange(len(SPECIAL), self.bpe.get_vocab_size()) for _ in range(rng.choice([1, 2, 2, 3]))]
            return NOT_ALNUM.sub("", self.bpe.decode(pieces).lower()) or "xq"
        if luck < 0.85:
            return "#" + rng.choice(self.rare)
        if luck < 0.94:
            numbers = (rng.randrange(100), rng.randrange(3000), round(rng.random() * 100, 1))
            return str(rng.choice(numbers))
        return rng.choice(["urlx", "@userx"])

    def inject(self, source: str, target: str, times: int | None = None) -> tuple[str, str]:
        """Puts the same new word in the same place of both sides, inside a span that they share."""
        a, b = source.split(), target.split()
        for _ in range(times or self.rng.choice([1, 1, 2, 3])):
            matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
            places = [(m.a + k, m.b + k) for m in matcher.get_matching_blocks() for k in range(m.size)]
            if not places:
                break
            i, j = self.rng.choice(places)
            word = self.new_word()
            if self.rng.random() < 0.6 and a[i][:1].isalnum():
                a[i] = b[j] = word
            else:
                a.insert(i, word)
                b.insert(j, word)
        return " ".join(a), " ".join(b)
