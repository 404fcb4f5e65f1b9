"""The label store and the written quotes -> splits: nothing held out is taught, and people's labels take the place of written ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.labels.quote import NOT_A_STATEMENT, Change, Kind, Quote, Source
from service.statements.statement import Statement
from training.behaviour import read_cases
from training.config import read_retrain_config
from training.corrections import ASIDE, Collected, collect, read_aside, read_counts, write_collected
from training.examples import SPLITS, read_examples, read_split

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITTEN = {
    "train": [
        {"id": "t1", "text": "We never signed the pact.", "label": "deny", "story": "pact"},
        {"id": "t2", "text": "Open the road to the port.", "label": "appeal", "story": "road"},
        {"id": "t3", "text": "Nice weather for a walk, said the mayor.", "label": "other", "story": "walk"},
        {"id": "t4", "text": "The bakery opens at six on weekdays.", "label": "other", "story": "bakery"},
    ],
    "validation": [{"id": "v1", "text": "That was our lorry on the bridge.", "label": "confirm", "story": "lorry"}],
    "test": [{"id": "x1", "text": "They will regret the day they came.", "label": "threat", "story": "valley"}],
}


@pytest.fixture
def quotes(tmp_path: Path) -> Path:
    for split, rows in WRITTEN.items():
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def labelled(text: str, *labels: str, story: str | None = None, context: str | None = None) -> Quote:
    """A quote with a label by each of as many people."""
    changes = tuple(Change(Kind.LABEL, f"labeller {number}", NOON, Source.API, label) for number, label in enumerate(labels))  # type: ignore[arg-type]
    return Quote(Statement(text, context), changes or (Change(Kind.ADD, "anna", NOON, Source.API),), story)


def taught(quotes: Path, labels: Sequence[Quote], share_aside: float = 0.0, share_rehearsed: float = 1.0, draw: str = "monday") -> Collected:
    config = replace(read_retrain_config(), share_aside=share_aside, share_rehearsed=share_rehearsed, label_weight=3)
    return collect(quotes, labels, config, draw)


def texts(collected: Collected, split: str = "train") -> set[str]:
    return {example.statement.text for example in collected.splits[split]}


def test_an_agreed_label_is_taught_and_weighs_more(quotes: Path) -> None:
    found = taught(quotes, [labelled("The union walks out on Monday.", "threat", "threat")])
    (new,) = [example for example in found.splits["train"] if example.weight != 1]
    assert (new.statement.text, str(new.label), new.weight) == ("The union walks out on Monday.", "threat", 3)
    assert len(found.splits["train"]) == len(WRITTEN["train"]) + 1
    assert found.counts["train"] == 1


def test_labels_weigh_less_where_they_would_outweigh_all_that_was_written(quotes: Path) -> None:
    for n_labels, weight in ((1, 3), (2, 2), (5, 1)):
        found = taught(quotes, [labelled(f"Statement number {number} of the day.", "other") for number in range(n_labels)])
        assert {example.weight for example in found.splits["train"] if example.id not in {"t1", "t2", "t3", "t4"}} == {weight}


def test_each_draw_rehearses_its_share_of_the_written_quotes(quotes: Path) -> None:
    rows = [{"id": f"w{number}", "text": f"Sentence {number} of the paper.", "label": "other", "story": f"s{number}"} for number in range(400)]
    (quotes / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, again, other = (taught(quotes, [], share_rehearsed=0.25, draw=draw) for draw in ("monday", "monday", "tuesday"))
    assert texts(first) == texts(again) != texts(other)
    assert all(70 <= found.counts["rehearsed"] == len(texts(found)) <= 130 for found in (first, other))


def test_as_many_written_quotes_are_rehearsed_as_the_labels_weigh(quotes: Path) -> None:
    rows = [{"id": f"w{number}", "text": f"Sentence {number} of the paper.", "label": "other", "story": f"s{number}"} for number in range(400)]
    (quotes / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for n_labels, least, most in ((10, 20, 60), (60, 150, 210), (200, 400, 400)):
        labels = [labelled(f"Statement number {number} of the day.", "other") for number in range(n_labels)]
        assert least <= taught(quotes, labels, share_rehearsed=0.1).counts["rehearsed"] <= most


def test_what_is_disputed_unlabelled_deleted_or_no_statement_teaches_nothing(quotes: Path) -> None:
    deleted = labelled("Gone with the wind it is.", "other")
    deleted = Quote(deleted.statement, (*deleted.changes, Change(Kind.DELETE, "ben", NOON, Source.API)))
    found = taught(quotes, [labelled("A b c d e.", "deny", "other"), labelled("F g h i j."), labelled("K l m n o.", NOT_A_STATEMENT), deleted])
    assert texts(found) == {row["text"] for row in WRITTEN["train"]}
    assert found.counts == {"disputed": 1, "unlabelled": 1, "no_statement": 1, "held_out": 0, ASIDE: 0, "train": 0, "rehearsed": 4}


@pytest.mark.parametrize(
    "quote",
    [
        labelled("They will regret the day they came.", "other"),
        labelled("they will REGRET the day they came", "other", context="“They will regret the day they came,” he said."),
        labelled("The towns will cut the line.", "threat", story="valley"),
        labelled("That was our lorry on the bridge.", "confirm"),
        labelled("will regret", "threat", context="They will regret the day they came."),
    ],
    ids=["same statement", "same words", "same story", "in validation", "a part of it"],
)
def test_what_is_held_out_is_never_taught_and_does_not_grow(quote: Quote, quotes: Path) -> None:
    found = taught(quotes, [quote])
    assert quote.statement.text not in texts(found)
    assert found.counts["held_out"] == 1
    assert [found.splits[split] for split in ("validation", "test")] == [read_split(split, quotes) for split in ("validation", "test")]


def test_short_words_that_everybody_says_are_no_leak(quotes: Path, tmp_path: Path) -> None:
    (quotes / "test.jsonl").write_text('{"text": "No comment.", "context": "“No comment.”, said the bank.", "label": "other"}\n', encoding="utf-8")
    found = taught(quotes, [labelled("No comment.", "other", context="Asked about the strike: “No comment.”")])
    assert found.counts["train"] == 1


def test_a_persons_label_takes_the_place_of_the_written_one(quotes: Path) -> None:
    found = taught(quotes, [labelled("We never signed the pact.", "other")])
    assert [(str(example.label), example.weight) for example in found.splits["train"] if "pact" in example.statement.text] == [("other", 3)]


def test_a_share_is_kept_aside_and_the_same_each_time(quotes: Path) -> None:
    labels = [labelled(f"Statement number {number} of the day.", "other") for number in range(200)]
    first = taught(quotes, labels, 0.2)
    assert 20 <= len(first.aside) <= 60
    assert not {example.id for example in first.aside} & {example.id for example in first.splits["train"]}
    more = taught(quotes, [*labels, *(labelled(f"Statement number {number} of the week.", "other") for number in range(50))], 0.2)
    assert {example.id for example in first.aside} <= {example.id for example in more.aside}


def test_quotes_of_one_story_or_one_context_are_on_one_side(quotes: Path) -> None:
    labels = [labelled(f"Statement {part} of story {number}.", "other", story=f"story-{number}") for number in range(40) for part in range(3)]
    labels += [labelled(f"part {part} here", "other", context=f"Sentence {number}: part 0 here, part 1 here.") for number in range(40) for part in range(2)]
    found = taught(quotes, labels, 0.3)
    groups = {quote.id: quote.story or quote.statement.context for quote in labels}
    aside = {groups[example.id] for example in found.aside}
    assert aside
    assert not aside & {groups[example.id] for example in found.splits["train"] if example.id in groups}


@pytest.mark.parametrize(
    "quote",
    [
        labelled("never signed", "deny", context="We never signed the pact."),
        labelled("The pact is a farce, said the baker.", "other", story="pact"),
        labelled("we never signed, the pact!", "deny"),
    ],
    ids=["in its context", "of its story", "with other marks"],
)
def test_what_a_written_quote_taught_already_is_not_kept_aside(quote: Quote, quotes: Path) -> None:
    assert taught(quotes, [quote], 0.9999).aside == []


def test_a_dispute_about_a_written_quote_leaves_it_out(quotes: Path) -> None:
    assert texts(taught(quotes, [labelled("We never signed the pact.", "deny", "other")])) == {row["text"] for row in WRITTEN["train"][1:]}


def test_a_behaviour_case_is_never_taught(quotes: Path) -> None:
    case = read_cases()[0].statements[0]
    assert taught(quotes, [labelled(case.text, "other", context=case.context)]).counts["held_out"] == 1


def test_what_was_collected_can_be_gone_on_with(quotes: Path, tmp_path: Path) -> None:
    found = taught(quotes, [labelled(f"Statement number {number} of the day.", "other", story=f"s{number}") for number in range(30)], 0.2)
    folder = tmp_path / "run"
    assert read_counts(folder) is None
    write_collected(found, folder)
    assert read_counts(folder) == found.counts
    assert read_aside(folder) == list(found.aside)
    for split in SPLITS:
        assert read_examples(folder / f"{split}.jsonl") == list(found.splits[split])


def test_nothing_kept_aside_is_nothing_read(quotes: Path, tmp_path: Path) -> None:
    write_collected(taught(quotes, [labelled("The union walks out on Monday.", "threat")]), tmp_path / "run")
    assert read_aside(tmp_path / "run") == []
