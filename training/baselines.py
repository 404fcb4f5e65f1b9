"""The same examples -> what simpler ways make of them: always `other`, a list of cue words, TF-IDF with logistic regression."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from service.stance import STANCES, Stance
from service.statements.statement import Statement
from training.examples import Example, labels_of
from training.scores import Columns

CUES = Path(__file__).with_name("cues.toml")


def baselines(train: Sequence[Example], statements: Sequence[Statement]) -> dict[str, Columns]:
    """Name -> chosen columns (n_statements,). The first and the last learn from `train`, the cue words from nobody."""
    return {
        "majority label": majority(train, statements),
        "cue words": cue_words(statements),
        "TF-IDF + logistic regression": tfidf_regression(train, statements),
    }


def majority(train: Sequence[Example], statements: Sequence[Statement]) -> Columns:
    """The most frequent label of `train`, for every statement."""
    most = np.bincount(labels_of(train), minlength=len(STANCES)).argmax()
    return np.full(len(statements), most)


def cue_words(statements: Sequence[Statement]) -> Columns:
    """The first label of cues.toml that has a word in the statement or its context, else `other`."""
    cues = [
        (STANCES.index(Stance(label)), re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE))
        for label, words in tomllib.loads(CUES.read_text(encoding="utf-8")).items()
    ]
    other = STANCES.index(Stance.OTHER)
    texts = [f"{statement.text} {statement.frame or ''}" for statement in statements]
    return np.array([next((column for column, pattern in cues if pattern.search(text)), other) for text in texts])


def tfidf_regression(train: Sequence[Example], statements: Sequence[Statement]) -> Columns:
    """Words and word pairs of the statement and, apart from those, of its context; labels weigh alike."""
    features = make_union(
        make_pipeline(FunctionTransformer(_texts), TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)),
        make_pipeline(FunctionTransformer(_frames), TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)),
    )
    model = make_pipeline(features, LogisticRegression(C=10.0, class_weight="balanced", max_iter=2_000))
    model.fit([example.statement for example in train], labels_of(train))
    chosen: Columns = model.predict(list(statements))
    return chosen


def _texts(statements: Sequence[Statement]) -> list[str]:
    return [statement.text for statement in statements]


def _frames(statements: Sequence[Statement]) -> list[str]:
    return [statement.frame or statement.text for statement in statements]
