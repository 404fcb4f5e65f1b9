"""The written quotes: schema, shares, and that no split knows another."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from service.stance import ACTS, STANCES
from training.examples import FORMS, N_RULES, QUOTES, SPLITS, read_split

FIELDS = ["id", "story", "text", "context", "speaker", "label", "form", "topic", "rule"]
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ROWS = {split: [json.loads(line) for line in (QUOTES / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()] for split in SPLITS}
ALL = [row for rows in ROWS.values() for row in rows]


def id_of(row: dict[str, Any]) -> str:
    return hashlib.sha256(f"{row['text']}\n{row['context'] or ''}".encode()).hexdigest()[:10]


def words(text: str) -> list[str]:
    return re.sub(r"\W+", " ", text.lower()).split()


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Every three words in a row."""
    found = words(text)
    return frozenset(tuple(found[start : start + 3]) for start in range(max(1, len(found) - 2)))


def alike(texts: list[str], least: float) -> list[tuple[int, int]]:
    """Pairs of row numbers whose texts share at least `least` of their shingles (Jaccard)."""
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    grams = [shingles(text) for text in texts]
    pairs = []
    for number, gram in enumerate(grams):
        shared = Counter(other for shingle in gram for other in holders[shingle])
        pairs += [(other, number) for other, n_shared in shared.items() if n_shared / len(gram | grams[other]) >= least]
        for shingle in gram:
            holders[shingle].append(number)
    return pairs


def test_there_are_as_many_quotes_as_the_readme_promises() -> None:
    assert len(ALL) >= 3_600
    for split in SPLITS:
        assert len(read_split(split)) == len(ROWS[split]) >= 0.08 * len(ALL)


@pytest.mark.parametrize("split", SPLITS)
def test_every_line_has_the_fields_in_their_form(split: str) -> None:
    for row in ROWS[split]:
        assert list(row) == FIELDS, row
        assert row["form"] in FORMS
        assert row["label"] in STANCES
        assert SLUG.fullmatch(row["story"]), row
        assert SLUG.fullmatch(row["topic"]), row
        assert row["rule"] is None or 1 <= row["rule"] <= N_RULES
        assert row["speaker"] is None or row["speaker"].strip()
        assert row["text"] == row["text"].strip()
        assert row["context"] is None or row["context"] == row["context"].strip() != ""
        assert 1 <= len(row["text"].split()) <= 70, row


@pytest.mark.parametrize("split", SPLITS)
def test_a_bare_sentence_has_no_context_and_a_clause_always_has_one(split: str) -> None:
    for row in ROWS[split]:
        if row["form"] == "bare":
            assert row["context"] is None, row
        if row["form"] in ("fragment", "indirect"):
            assert row["context"] is not None, row


def test_a_statement_stands_in_its_context_word_for_word() -> None:
    apart = [row for row in ALL if row["context"] and row["text"] not in row["context"]]
    # An interrupted quote stands there in parts.
    assert len(apart) <= 0.02 * len(ALL)
    for row in apart:
        assert set(words(row["text"])) <= set(words(row["context"])), row


def test_an_id_is_made_from_text_and_context() -> None:
    for row in ALL:
        assert row["id"] == id_of(row), row
    assert len({row["id"] for row in ALL}) == len(ALL)


def test_a_statement_comes_nearly_twice_only_where_another_frame_gives_it_another_label() -> None:
    for one, other in alike([row["text"] for row in ALL], 0.8):
        if len(words(ALL[one]["text"])) > 4:
            assert ALL[one]["label"] != ALL[other]["label"], (ALL[one], ALL[other])
            assert ALL[one]["context"] != ALL[other]["context"], (ALL[one], ALL[other])


def test_nothing_in_one_split_is_nearly_in_another() -> None:
    split_of = [split for split in SPLITS for _ in ROWS[split]]
    for texts in ([row["text"] for row in ALL], [row["context"] or row["text"] for row in ALL]):
        for one, other in alike(texts, 0.5):
            if len(words(texts[one])) > 4:
                assert split_of[one] == split_of[other], (ALL[one], ALL[other])


def test_no_statement_is_in_two_splits() -> None:
    texts = {split: {" ".join(words(row["text"])) for row in ROWS[split]} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert {text for text in texts[one] & texts[other] if len(text.split()) > 3} == set()


def test_no_story_is_in_two_splits() -> None:
    stories = {split: {row["story"] for row in ROWS[split]} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert not stories[one] & stories[other]


def test_quotes_that_wait_are_like_the_others_and_not_among_them() -> None:
    waiting = [json.loads(line) for file in (QUOTES.parent / "waiting").glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
    for row in waiting:
        assert list(row) == FIELDS, row["id"]
        assert row["label"] in STANCES
        assert row["id"] == id_of(row)
    assert len({row["id"] for row in waiting}) == len(waiting)
    for field in ("id", "story"):
        assert not {row[field] for row in waiting} & {row[field] for row in ALL}


@pytest.mark.parametrize("split", SPLITS)
def test_other_makes_up_nearly_half_and_no_act_is_rare(split: str) -> None:
    shares = Counter(row["label"] for row in ROWS[split])
    n = len(ROWS[split])
    assert 0.45 <= shares["other"] / n <= 0.70
    for act in ACTS:
        assert shares[act] / n >= 0.08, act


@pytest.mark.parametrize("split", SPLITS)
def test_every_form_is_there(split: str) -> None:
    shares = Counter(row["form"] for row in ROWS[split])
    for form, least in {"direct": 0.15, "fragment": 0.05, "indirect": 0.2, "bare": 0.15}.items():
        assert shares[form] / len(ROWS[split]) >= least, form


def test_a_topic_does_not_give_the_label_away() -> None:
    for topic, n in Counter(row["topic"] for row in ALL).items():
        if n >= 30:
            labels = Counter(row["label"] for row in ALL if row["topic"] == topic)
            assert max(labels.values()) / n <= 0.75, topic
            assert len(labels) == len(STANCES), topic


def test_most_stories_hold_several_labels() -> None:
    stories: dict[str, set[str]] = defaultdict(set)
    for row in ALL:
        stories[row["story"]].add(row["label"])
    assert sum(len(labels) > 1 for labels in stories.values()) >= 0.9 * len(stories)


@pytest.mark.parametrize("rule", range(1, N_RULES + 1))
def test_every_rule_is_met_on_each_side(rule: int) -> None:
    """At least ten quotes with each of two labels, or with an act and with another act where `other` is no side of the rule."""
    labels = Counter(row["label"] for row in ALL if row["rule"] == rule)
    assert sum(n >= 10 for n in labels.values()) >= 2, labels


def test_statements_are_as_long_as_real_ones() -> None:
    lengths = sorted(len(row["text"].split()) for row in ALL)
    assert 8 <= lengths[len(lengths) // 2] <= 25
    assert sum(3 <= length <= 60 for length in lengths) >= 0.97 * len(lengths)


def test_the_datasheet_names_the_counts_that_are_there() -> None:
    text = Path("data/README.md").read_text(encoding="utf-8")
    for split in SPLITS:
        labels = Counter(row["label"] for row in ROWS[split])
        line = " | ".join(f"{count:,}" for count in (len(ROWS[split]), *(labels[stance] for stance in STANCES)))
        assert f"| {split} | {line} |" in text, line
