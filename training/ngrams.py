"""Logistic regression on word and character n-grams: the scorer's rival, half of its teacher, half of a judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


@dataclass
class NgramModel:
    words: TfidfVectorizer
    characters: TfidfVectorizer
    regression: LogisticRegression

    def features(self, texts: list[str]) -> csr_matrix:
        return hstack([self.words.transform(texts), self.characters.transform(texts)]).tocsr()

    def predict(self, texts: list[str]) -> np.ndarray:
        return self.regression.predict_proba(self.features(texts))[:, 1]


def fit_ngrams(texts: list[str], labels: np.ndarray, weights: np.ndarray | None = None) -> NgramModel:
    """Words 1 to 2, characters 2 to 5 within words, tf-idf, C = 4; solver at its default tolerance."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+", dtype=np.float32)
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, max_features=200_000, dtype=np.float32
    )
    features = hstack([words.fit_transform(texts), characters.fit_transform(texts)]).tocsr()
    return NgramModel(words, characters, LogisticRegression(C=4, max_iter=300).fit(features, labels, weights))
