"""Every figure of the model cards, as Markdown tables on standard output.

    python -m training.evaluate --data data --work /tmp/detoxq-training

needs `judges.pkl` (training.judges) in the work folder and the bundled checkpoints. `--detoxifier FOLDER…` and
`--table NAME…` take a part of it. ParaDetox test: a seeded tenth
that nothing was trained on or chosen by. Intervals: 95 %, 2,000 bootstrap samples of the sentences.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from training.authored import authored_pairs, clean_comments
from training.checkpoints import load_bpe
from training.command_line import training_parser
from training.corpora import Corpora
from training.decode import Detoxifier, Scorer, perplexity, surprise
from training.disguise import disguise_text
from training.generators import BART_FOLDER
from training.judges import Judges, corrupt, load_judges
from training.ngrams import fit_ngrams
from training.noise import Noise, mine_rules
from training.repair import read_known_words, repair
from training.scorer_samples import swear_words

BOOTSTRAPS = 2000
DETOXIFIERS = [Path("models") / name for name in ("nano-bart", "nano-t5", "nano-gpt2")]
TABLES = ("scorer", "fluency", "clean", "copy", "rewrites")
SEED = 77


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    draws = np.random.default_rng(SEED).integers(0, len(values), (BOOTSTRAPS, len(values)))
    low, high = np.quantile(values[draws].mean(1), [0.025, 0.975])
    return float(low), float(high)


def delete_words(texts: list[str], lexicon: set[str]) -> list[str]:
    return [" ".join(word for word in text.split() if word not in lexicon) for text in texts]


def lexicons(corpora: Corpora) -> dict[str, set[str]]:
    """Word lists to delete: the mined one, smaller and larger ones by the same counts, the generator's, all of them."""
    mined = corpora.lexicon
    frequent = corpora.word_counts
    own = swear_words(corpora) - mined
    return {
        "mined": mined,
        "mined, frequent words": {word for word in mined if frequent[word] >= 20},
        "mined, only Jigsaw rows": corpora.jigsaw_lexicon(1.5),
        "mined, only Jigsaw rows, strict": corpora.jigsaw_lexicon(2.6),
        "mined and hand-written": mined | own,
    }


def judge_once(judges: Judges, sources: list[str], systems: list[list[str]]) -> list[dict[str, np.ndarray]]:
    """What the judges say of each system; a rewrite that several systems share is looked at once."""
    pairs = [list(zip(sources, outputs, strict=True)) for outputs in systems]
    distinct = sorted({pair for system in pairs for pair in system})
    judged = judges.judge([source for source, _ in distinct], [output for _, output in distinct])
    place = {pair: at for at, pair in enumerate(distinct)}
    return [{key: values[[place[pair] for pair in system]] for key, values in judged.items()} for system in pairs]


def rewrite_table(
    corpora: Corpora, judges: Judges, detoxifiers: list[Detoxifier], scorer: Scorer, known: set[str]
) -> None:
    sources = [pair.toxic for pair in corpora.pairs_test]
    systems = {"copy": sources}
    for name, lexicon in lexicons(corpora).items():
        systems[f"delete: {name} ({len(lexicon)} words)"] = delete_words(sources, lexicon)
    paces: dict[str, float] = {}
    for detoxifier in detoxifiers:
        name, started = detoxifier.folder.name, time.monotonic()
        greedy = detoxifier.rewrite(sources)
        paces[name] = len(sources) / (time.monotonic() - started)
        repaired = [repair(s, o, known) for s, o in zip(sources, greedy, strict=True)]
        still = np.flatnonzero(scorer.toxicity(repaired) > 0.5)
        second = list(repaired)
        for i, text in zip(still, detoxifier.rewrite([repaired[i] for i in still]), strict=True):
            second[i] = repair(repaired[i], text, known)
        systems[f"**{name}, greedy**"] = greedy
        systems[f"{name}, greedy + repair"] = repaired
        systems[f"{name}, second pass where the scorer says toxic"] = second
    systems["human reference"] = [pair.neutral[0] for pair in corpora.pairs_test]

    print(f"\n## Rewrites of {len(sources)} ParaDetox test sentences\n")
    print("| system | STA | SIM | FL | J (95 % interval) | unchanged |\n|---|---|---|---|---|---|")
    scores: dict[str, np.ndarray] = {}
    verdicts = judge_once(judges, sources, list(systems.values()))
    for (name, outputs), judged in zip(systems.items(), verdicts, strict=True):
        scores[name] = judged["J"]
        low, high = interval(judged["J"])
        same = np.mean([s == o for s, o in zip(sources, outputs, strict=True)])
        means = " | ".join(f"{judged[key].mean():.3f}" for key in ("STA", "SIM", "FL"))
        print(f"| {name} | {means} | {judged['J'].mean():.3f} ({low:.3f} to {high:.3f}) | {same:.1%} |", flush=True)
    best = max((name for name in scores if name.startswith("delete")), key=lambda name: scores[name].mean())
    for name, pace in paces.items():
        gain = scores[f"**{name}, greedy**"] - scores[best]
        low, high = interval(gain)
        print(f"\n{name}, greedy, against {best}: {gain.mean():+.3f} ({low:+.3f} to {high:+.3f}), paired.")
        print(f"Greedy decoding in PyTorch, one thread: {pace:.0f} sentences/s.")


def fluency_table(corpora: Corpora, detoxifier: Detoxifier) -> None:
    """Perplexity of clean sentences, and whether it tells them from corrupted ones (training/judges.py)."""
    rng = random.Random(SEED)
    toxic = [pair.toxic for pair in corpora.pairs_test]
    neutral = [pair.neutral[0] for pair in corpora.pairs_test]
    sets = {
        "ParaDetox test, human paraphrases": neutral,
        "ParaDetox test, toxic sentences": toxic,
        "Jigsaw test, neutral rows": [text for text, label in corpora.jigsaw_test if not label],
        "hand-written clean comments kept from training": clean_comments()[1],
    }
    words = [word for text in neutral + toxic for word in text.split()]
    print(f"\n## {detoxifier.folder.name} as a language model\n")
    print("| rows | number | perplexity a token | a word | bits a character | AUC, real against corrupted |")
    print("|---|---|---|---|---|---|")
    for name, texts in sets.items():
        nats, tokens = surprise(detoxifier.model, detoxifier.tokenizer, texts)
        broken = [corrupt(text, rng, words) for text in texts]
        changed = [i for i, text in enumerate(texts) if broken[i] != text]
        worse, longer = surprise(detoxifier.model, detoxifier.tokenizer, [broken[i] for i in changed])
        a_token = np.concatenate([(nats / tokens)[changed], worse / longer])
        auc = roc_auc_score([0] * len(changed) + [1] * len(changed), a_token)
        a_word = np.exp(nats.sum() / sum(len(text.split()) for text in texts))
        bits = nats.sum() / np.log(2) / sum(map(len, texts))
        print(f"| {name} | {len(texts)} | {perplexity(nats, tokens):.1f} | {a_word:.0f} | {bits:.2f} | {auc:.3f} |", flush=True)


def auc_gain(labels: np.ndarray, p: np.ndarray, q: np.ndarray) -> tuple[float, float, float]:
    """AUC of `p` less that of `q` on the same rows, and its 95 % bootstrap interval."""
    generator, gains = np.random.default_rng(SEED), []
    for _ in range(BOOTSTRAPS):
        rows = generator.integers(0, len(labels), len(labels))
        gains.append(roc_auc_score(labels[rows], p[rows]) - roc_auc_score(labels[rows], q[rows]))
    low, high = np.quantile(gains, [0.025, 0.975])
    return roc_auc_score(labels, p) - roc_auc_score(labels, q), float(low), float(high)


def scorer_table(corpora: Corpora, scorer: Scorer) -> None:
    rng = random.Random(SEED)
    rows = corpora.jigsaw_train + corpora.jigsaw_judges
    ngrams = fit_ngrams([text for text, _ in rows], np.array([label for _, label in rows]))
    swearing = swear_words(corpora)
    test = corpora.jigsaw_test
    pairs = [(pair.toxic, 1) for pair in corpora.pairs_test] + [(pair.neutral[0], 0) for pair in corpora.pairs_test]
    sets = {
        f"Jigsaw test, {len(test)} rows": test,
        "Jigsaw test, swear words disguised": [
            (disguise_text(text, rng, swearing, 1.0, 0.03), label) for text, label in test
        ],
        f"ParaDetox test, {len(pairs)} rows": pairs,
        "ParaDetox test, swear words disguised": [
            (disguise_text(text, rng, swearing, 1.0, 0.03), label) for text, label in pairs
        ],
    }
    print(f"\n## Scorer and n-gram regression (fitted on the same {len(rows)} Jigsaw rows)\n")
    print("| rows | scorer AUC | n-gram AUC | difference | scorer: toxic found | scorer: neutral flagged |")
    print("|---|---|---|---|---|---|")
    for name, labelled in sets.items():
        texts, labels = [text for text, _ in labelled], np.array([label for _, label in labelled])
        p, q = scorer.toxicity(texts), ngrams.predict(texts)
        found, flagged = (p[labels == 1] > 0.5).mean(), (p[labels == 0] > 0.5).mean()
        auc, rival = roc_auc_score(labels, p), roc_auc_score(labels, q)
        gain, low, high = auc_gain(labels, p, q)
        difference = f"{gain:+.4f} ({low:+.4f} to {high:+.4f})"
        print(f"| {name} | {auc:.4f} | {rival:.4f} | {difference} | {found:.1%} | {flagged:.1%} |")


def clean_table(corpora: Corpora, detoxifier: Detoxifier, scorer: Scorer, known: set[str]) -> None:
    _, authored = authored_pairs()
    sets = {
        "Jigsaw test, neutral rows": [text for text, label in corpora.jigsaw_test if not label],
        "ParaDetox test, human paraphrases": [pair.neutral[0] for pair in corpora.pairs_test],
        "hand-written clean comments kept from training": clean_comments()[1],
        "hand-written neutral counterparts kept from training": [neutral for _, neutral in authored],
    }
    print(f"\n## Clean rows through score and rewrite ({detoxifier.folder.name})\n")
    print("| rows | number | scored toxic | changed |\n|---|---|---|---|")
    for name, texts in sets.items():
        flagged = np.flatnonzero(scorer.toxicity(texts) > 0.5)
        outputs = detoxifier.rewrite([texts[i] for i in flagged]) if len(flagged) else []
        changed = sum(repair(texts[i], o, known) != texts[i] for i, o in zip(flagged, outputs, strict=True))
        print(f"| {name} | {len(texts)} | {len(flagged) / len(texts):.2%} | {changed / len(texts):.2%} |")


def copy_table(corpora: Corpora, detoxifier: Detoxifier, known: set[str]) -> None:
    """Neutral sentences with one or two rare words put in: how many of those words survive an unnecessary rewrite."""
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), load_bpe(BART_FOLDER), SEED)
    clean = [text for text, label in corpora.jigsaw_test if not label and 4 <= len(text.split()) <= 24][:400]
    sources = [noise.inject(text, text)[0] for text in clean]
    outputs = detoxifier.rewrite(sources)
    print(f"\n## Rare words put into neutral sentences ({detoxifier.folder.name})\n")
    print("| | rare words lost | sentences unchanged |\n|---|---|---|")
    for name, rows in (
        ("greedy", outputs),
        ("greedy + repair", [repair(s, o, known) for s, o in zip(sources, outputs, strict=True)]),
    ):
        lost = total = 0
        for text, source, output in zip(clean, sources, rows, strict=True):
            rare = [word for word in source.split() if word not in text.split()]
            total += len(rare)
            lost += sum(word not in output.split() for word in rare)
        same = np.mean([s == o for s, o in zip(sources, rows, strict=True)])
        print(f"| {name} | {lost / total:.1%} of {total} | {same:.1%} |")


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument("--detoxifier", type=Path, nargs="+", default=DETOXIFIERS)
    parser.add_argument("--scorer", type=Path, default=Path("models/nano-roberta"))
    parser.add_argument("--table", nargs="+", choices=TABLES, default=TABLES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    detoxifiers, scorer = [Detoxifier(folder) for folder in options.detoxifier], Scorer(options.scorer)
    known = read_known_words(BART_FOLDER)
    if "scorer" in options.table:
        scorer_table(corpora, scorer)
    for detoxifier in detoxifiers:
        if "fluency" in options.table and not detoxifier.config.is_encoder_decoder:
            fluency_table(corpora, detoxifier)
        if "clean" in options.table:
            clean_table(corpora, detoxifier, scorer, known)
        if "copy" in options.table:
            copy_table(corpora, detoxifier, known)
    if "rewrites" in options.table:
        rewrite_table(corpora, load_judges(options.work), detoxifiers, scorer, known)


if __name__ == "__main__":
    main()
