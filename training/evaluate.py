"""Every figure of the model cards, as Markdown tables on standard output.

    python -m training.evaluate --data ../shared/data --work /tmp/detoxq-training

needs `judges.pkl` (training.judges) in the work folder and the two bundled checkpoints. ParaDetox test: a seeded tenth
that nothing was trained on or chosen by. Intervals: 95 %, 2,000 bootstrap samples of the sentences.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from training.authored import authored_pairs, clean_comments
from training.checkpoints import load_bpe
from training.corpora import Corpora
from training.decode import Detoxifier, Scorer
from training.disguise import disguise_text
from training.judges import Judges, load_judges
from training.ngrams import fit_ngrams
from training.noise import Noise, mine_rules
from training.repair import read_known_words, repair
from training.scorer_samples import swear_words

BOOTSTRAPS = 2000
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


def rewrite_table(corpora: Corpora, judges: Judges, detoxifier: Detoxifier, scorer: Scorer, known: set[str]) -> None:
    sources = [pair.toxic for pair in corpora.pairs_test]
    started = time.monotonic()
    greedy = detoxifier.rewrite(sources)
    pace = len(sources) / (time.monotonic() - started)
    repaired = [repair(s, o, known) for s, o in zip(sources, greedy, strict=True)]
    still = np.flatnonzero(scorer.toxicity(repaired) > 0.5)
    second = list(repaired)
    for i, text in zip(still, detoxifier.rewrite([repaired[i] for i in still]), strict=True):
        second[i] = repair(repaired[i], text, known)
    systems = {"copy": sources}
    for name, lexicon in lexicons(corpora).items():
        systems[f"delete: {name} ({len(lexicon)} words)"] = delete_words(sources, lexicon)
    systems["**detoxifier, greedy**"] = greedy
    systems["detoxifier, greedy + repair"] = repaired
    systems["detoxifier, second pass where the scorer says toxic"] = second
    systems["human reference"] = [pair.neutral[0] for pair in corpora.pairs_test]

    print(f"\n## Rewrites of {len(sources)} ParaDetox test sentences\n")
    print("| system | STA | SIM | FL | J (95 % interval) | unchanged |\n|---|---|---|---|---|---|")
    scores: dict[str, np.ndarray] = {}
    for name, outputs in systems.items():
        judged = judges.judge(sources, outputs)
        scores[name] = judged["J"]
        low, high = interval(judged["J"])
        same = np.mean([s == o for s, o in zip(sources, outputs, strict=True)])
        means = " | ".join(f"{judged[key].mean():.3f}" for key in ("STA", "SIM", "FL"))
        print(f"| {name} | {means} | {judged['J'].mean():.3f} ({low:.3f} to {high:.3f}) | {same:.1%} |")
    best = max((name for name in scores if name.startswith("delete")), key=lambda name: scores[name].mean())
    gain = scores["**detoxifier, greedy**"] - scores[best]
    low, high = interval(gain)
    print(f"\nGreedy against the best delete baseline ({best}): {gain.mean():+.3f} ({low:+.3f} to {high:+.3f}), paired.")
    print(f"Greedy decoding in PyTorch, one thread: {pace:.0f} sentences/s.")


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
    print("| rows | scorer AUC | n-gram AUC | scorer: toxic found | scorer: neutral flagged |\n|---|---|---|---|---|")
    for name, labelled in sets.items():
        texts, labels = [text for text, _ in labelled], np.array([label for _, label in labelled])
        p, q = scorer.toxicity(texts), ngrams.predict(texts)
        found, flagged = (p[labels == 1] > 0.5).mean(), (p[labels == 0] > 0.5).mean()
        auc, rival = roc_auc_score(labels, p), roc_auc_score(labels, q)
        print(f"| {name} | {auc:.4f} | {rival:.4f} | {found:.1%} | {flagged:.1%} |")


def clean_table(corpora: Corpora, detoxifier: Detoxifier, scorer: Scorer, known: set[str]) -> None:
    _, authored = authored_pairs()
    sets = {
        "Jigsaw test, neutral rows": [text for text, label in corpora.jigsaw_test if not label],
        "ParaDetox test, human paraphrases": [pair.neutral[0] for pair in corpora.pairs_test],
        "hand-written clean comments kept from training": clean_comments()[1],
        "hand-written neutral counterparts kept from training": [neutral for _, neutral in authored],
    }
    print("\n## Clean rows through score and rewrite\n")
    print("| rows | number | scored toxic | changed |\n|---|---|---|---|")
    for name, texts in sets.items():
        flagged = np.flatnonzero(scorer.toxicity(texts) > 0.5)
        outputs = detoxifier.rewrite([texts[i] for i in flagged]) if len(flagged) else []
        changed = sum(repair(texts[i], o, known) != texts[i] for i, o in zip(flagged, outputs, strict=True))
        print(f"| {name} | {len(texts)} | {len(flagged) / len(texts):.2%} | {changed / len(texts):.2%} |")


def copy_table(corpora: Corpora, detoxifier: Detoxifier, known: set[str]) -> None:
    """Neutral sentences with one or two rare words put in: how many of those words survive an unnecessary rewrite."""
    noise = Noise(corpora, mine_rules(corpora.pairs_train, corpora.lexicon), load_bpe(detoxifier.folder), SEED)
    clean = [text for text, label in corpora.jigsaw_test if not label and 4 <= len(text.split()) <= 24][:400]
    sources = [noise.inject(text, text)[0] for text in clean]
    outputs = detoxifier.rewrite(sources)
    print("\n## Rare words put into neutral sentences\n")
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--detoxifier", type=Path, default=Path("models/nano-bart"))
    parser.add_argument("--scorer", type=Path, default=Path("models/nano-roberta"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    corpora = Corpora(options.data)
    detoxifier, scorer = Detoxifier(options.detoxifier), Scorer(options.scorer)
    known = read_known_words(options.detoxifier)
    scorer_table(corpora, scorer)
    clean_table(corpora, detoxifier, scorer, known)
    copy_table(corpora, detoxifier, known)
    rewrite_table(corpora, load_judges(options.work), detoxifier, scorer, known)


if __name__ == "__main__":
    main()
