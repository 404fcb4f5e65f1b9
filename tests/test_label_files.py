"""Files of labelled quotes, out and in again: nothing is lost, other tools' own exports are read, and every fault is told with its line."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.labels.quote import NOT_A_STATEMENT, Change, Given, Kind, Quote, Source, Status
from service.labels.readers import READERS, Origin, read
from service.labels.store import LabelStore
from service.labels.writers import COLUMNS, WRITERS
from service.stance import Stance
from service.statements.statement import Statement
from training.examples import read_examples

NOON = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
ORIGIN = Origin("importer", NOON)
LOSSLESS = ("jsonl", "csv")


def change(kind: Kind = Kind.LABEL, by: str = "anna", minute: int = 0, **fields: object) -> Change:
    return Change(kind, by, NOON + timedelta(minutes=minute), Source.PAGE, **fields)  # type: ignore[arg-type]


AGREED = Quote(
    Statement("any role, “none”,\nin\u2028the\rfire", "The union denied any role, “none”,\nin\u2028the\rfire."),
    (change(label="deny", speaker="the union", note='said "no", twice', verdict=Given("r1", Stance.OTHER, 0.625)),),
    "fire",
)
DISPUTED = Quote(Statement("We will not wait."), (change(label="threat"), change(by="ben", minute=1, label="other")))
SETTLED = Quote(Statement("No."), (change(label="deny"), change(by="ben", minute=1, label="other"), change(Kind.SETTLE, "chief", 2, label="deny")))
UNLABELLED = Quote(Statement("Perhaps."), (change(Kind.ADD),))
NO_STATEMENT = Quote(Statement("“The Tempest”"), (change(label=NOT_A_STATEMENT),))
DELETED = Quote(Statement("Gone."), (change(label="other"), change(Kind.DELETE, "ben", 1)))
ALL = [AGREED, DISPUTED, SETTLED, UNLABELLED, NO_STATEMENT, DELETED]


def written(kind: str, quotes: list[Quote]) -> str:
    return "".join(WRITERS[kind](quotes))


def stored(tmp_path: Path, name: str, kind: str, content: str) -> list[Quote]:
    """What a new store holds once it has taken in that file."""
    found = read(kind, content, Origin("importer", NOON + timedelta(days=30)))
    assert found.faults == []
    store = LabelStore(f"sqlite:///{tmp_path}/{name}.db")
    store.merge([quote for _, quote in found.quotes])
    quotes = list(store.everything())
    store.close()
    return quotes


def test_each_format_can_be_written_and_read() -> None:
    assert set(WRITERS) == set(READERS)


@pytest.mark.parametrize("kind", LOSSLESS)
def test_nothing_is_lost_on_the_way_out_and_in_again(kind: str, tmp_path: Path) -> None:
    assert stored(tmp_path, "copy", kind, written(kind, ALL)) == ALL


@pytest.mark.parametrize("kind", LOSSLESS)
def test_ten_thousand_quotes_make_the_same_store(kind: str, tmp_path: Path) -> None:
    labels = [*map(str, Stance), NOT_A_STATEMENT]
    quotes = [
        Quote(
            Statement(f"“Statement {number}”, he said", f"Context {number // 2}" if number % 3 else None),
            (
                change(by=f"labeller {number % 7}", minute=number, label=labels[number % 6], note="late" if number > 9_990 else None),
                *([change(by="second", minute=number + 1, label=labels[number % 5])] if number % 4 == 0 else []),
                *([change(Kind.DELETE, "second", number + 2)] if number % 50 == 0 else []),
            ),
        )
        for number in range(10_000)
    ]
    content = written(kind, quotes)
    found = stored(tmp_path, "copy", kind, content)
    assert found == quotes
    assert written(kind, found) == content


@pytest.mark.parametrize("kind", ["label-studio", "prodigy"])
def test_other_tools_get_the_standing_labels_and_give_them_back(kind: str, tmp_path: Path) -> None:
    found = {quote.id: quote for quote in stored(tmp_path, "copy", kind, written(kind, ALL))}
    assert set(found) == {quote.id for quote in ALL if quote.status is not Status.DELETED}
    for quote in ALL:
        if quote.id in found:
            opinions = {by: opinion.label for by, opinion in quote.opinions.items()}
            assert {by: opinion.label for by, opinion in found[quote.id].opinions.items()} == opinions
            assert (found[quote.id].speaker, found[quote.id].statement.context) == (quote.speaker, quote.statement.context)


def test_the_rows_for_a_classifier_are_the_agreed_ones(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in written("datasets", ALL).split("\n") if line]
    assert [(row["text"], row["label"]) for row in rows] == [(AGREED.statement.text, "deny"), ("No.", "deny")]


@pytest.mark.parametrize("kind", ["datasets", "jsonl"])
def test_datasets_opens_the_export(kind: str, tmp_path: Path) -> None:
    import datasets

    late = [Quote(Statement(f"Statement {number}"), (change(minute=number, label="other"),)) for number in range(3_000)]
    (tmp_path / "labels.jsonl").write_text(written(kind, [*late, *ALL]), encoding="utf-8")
    rows = datasets.load_dataset("json", data_files=str(tmp_path / "labels.jsonl"), cache_dir=str(tmp_path / "cache"))["train"]
    assert rows.num_rows == 3_000 + (2 if kind == "datasets" else len(ALL))
    assert rows[3_000]["label"] == "deny"
    assert rows[3_000]["context"] == AGREED.statement.context


def test_training_reads_the_rows_for_a_classifier(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text(written("datasets", ALL), encoding="utf-8")
    examples = read_examples(tmp_path / "labels.jsonl")
    assert [(example.id, example.statement.context or None, str(example.label)) for example in examples] == [
        (AGREED.id, AGREED.statement.context, "deny"),
        (SETTLED.id, None, "deny"),
    ]


def test_the_written_quotes_of_this_project_can_be_taken_in() -> None:
    lines = Path("data/quotes/validation.jsonl").read_text(encoding="utf-8").splitlines()[:200]
    found = read("jsonl", "\n".join(lines), ORIGIN)
    assert (len(found.quotes), found.faults) == (200, [])
    assert found.quotes[0][1].changes[0].source is Source.IMPORT


def test_a_spreadsheet_needs_no_more_than_text_and_label() -> None:
    found = read("csv", 'label,text\ndeny,"No, never."\n,Perhaps.\n', ORIGIN)
    assert found.faults == []
    assert [(quote.statement.text, quote.label, quote.changes[0].by) for _, quote in found.quotes] == [
        ("No, never.", "deny", "importer"),
        ("Perhaps.", None, "importer"),
    ]


def test_the_columns_of_a_spreadsheet_are_one_change_a_row() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", [SETTLED]))))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["kind"], row["by"], row["label"]) for row in rows] == [("label", "anna", "deny"), ("label", "ben", "other"), ("settle", "chief", "deny")]


def test_label_studios_own_export_is_read() -> None:
    task = {
        "id": 7,
        "data": {"text": "No.", "context": "“No.”, said he.", "speaker": "he"},
        "annotations": [
            {"completed_by": {"id": 3, "email": "anna@example.org"}, "created_at": "2026-02-01T08:00:00.000000Z", "result": [_choice("deny")]},
            {"completed_by": 4, "created_at": "2026-02-01T09:00:00Z", "result": [_choice("other")]},
            {"completed_by": 5, "was_cancelled": True, "result": [_choice("threat")]},
            {"completed_by": 6, "result": []},
        ],
    }
    (where, quote), *others = read("label-studio", json.dumps([task]), ORIGIN).quotes
    assert (where, others, quote.speaker) == ("task 0", [], "he")
    assert {by: opinion.label for by, opinion in quote.opinions.items()} == {"anna@example.org": "deny", "4": "other"}
    assert quote.changes[0].at == datetime(2026, 2, 1, 8, tzinfo=UTC)


def _choice(label: str) -> dict[str, object]:
    return {"from_name": "stance", "to_name": "text", "type": "choices", "value": {"choices": [label]}}


def test_prodigys_own_export_is_read() -> None:
    rows = [
        {"text": "No.", "accept": ["deny"], "answer": "accept", "_annotator_id": "set-anna", "_timestamp": 1_770_000_000, "options": []},
        {"text": "Yes.", "label": "confirm", "answer": "accept", "meta": {"speaker": "he"}},
        {"text": "Perhaps.", "answer": "ignore", "accept": []},
    ]
    found = read("prodigy", "\n".join(map(json.dumps, rows)), ORIGIN)
    assert found.faults == []
    assert [(quote.statement.text, quote.label, quote.changes[0].by, quote.speaker) for _, quote in found.quotes] == [
        ("No.", "deny", "set-anna", None),
        ("Yes.", "confirm", "importer", "he"),
        ("Perhaps.", None, "importer", None),
    ]


@pytest.mark.parametrize(
    ("kind", "content", "where"),
    [
        ("jsonl", '{"text": "No.", "label": "deny"}\n{"text": "No."', "line 2"),
        ("jsonl", '\n["No."]', "line 2"),
        ("jsonl", '{"text": "No.", "label": "denial"}', "line 1, label"),
        ("jsonl", '{"text": " ", "label": "deny"}', "line 1, text"),
        ("jsonl", '{"label": "deny"}', "line 1, text"),
        ("jsonl", '{"text": 7, "label": "deny"}', "line 1, text"),
        ("jsonl", '{"text": "No.", "label": "deny", "at": "yesterday"}', "line 1, at"),
        ("jsonl", '{"text": "No.", "label": "deny", "at": "2999-01-01T00:00:00+00:00"}', "line 1, at"),
        ("jsonl", '{"text": "No.", "label": "deny", "at": "0001-01-01T00:00:00+14:00"}', "line 1, at"),
        ("jsonl", '{"text": "No.", "label": "deny", "model": "\\u0000", "stance": "deny", "probability": 1}', "line 1, model"),
        ("jsonl", '{"text": "No.", "history": []}', "line 1, history"),
        ("jsonl", '{"text": "No.", "history": [{"kind": "label", "by": "anna"}]}', "line 1, history[0].label"),
        ("jsonl", '{"text": "No.", "history": [{"kind": "burn", "by": "anna"}]}', "line 1, history[0].kind"),
        ("jsonl", '{"text": "No.", "label": "deny", "source": "moon"}', "line 1, source"),
        ("jsonl", '{"text": "No.", "label": "deny", "model": "r1", "stance": "deny", "probability": 2}', "line 1, probability"),
        ("jsonl", '{"text": "No.", "label": "deny", "model": "r1", "stance": "no"}', "line 1, stance"),
        ("jsonl", "", "the file"),
        ("csv", "text,stance\nNo.,deny\n", "line 1"),
        ("csv", "", "line 1"),
        ("csv", '"abc', "line 1"),
        ("label-studio", '[{"data": {"text": "No."}, "annotations": [1]}]', "task 0"),
        ("label-studio", '[{"data": {"text": "No."}, "annotations": [{"result": [{"type": "choices", "value": [1]}]}]}]', "task 0"),
        ("csv", "text,label\nNo.,deny\nNo.\n", "line 3"),
        ("csv", 'text,label\n"No.,deny\n', "line 2"),
        ("csv", "text,label\nNo.,deny\nNo.,denial\n", "line 3, label"),
        ("label-studio", "{}", "the file"),
        ("label-studio", "[", "the file"),
        ("label-studio", '[{"data": {}}]', "task 0, text"),
        ("label-studio", "[7]", "task 0"),
        (
            "label-studio",
            '[{"data": {"text": "No."}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["a", "b"]}}]}]}]',
            "task 0, annotations",
        ),
        ("prodigy", '{"text": "No.", "label": "deny", "answer": "reject"}', "line 1, answer"),
        ("prodigy", '{"text": "No.", "accept": ["deny", "other"], "answer": "accept"}', "line 1, accept"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(kind: str, content: str, where: str) -> None:
    faults = read(kind, content, ORIGIN).faults
    assert [fault.where for fault in faults] == [where]


def test_good_lines_beside_faulty_ones_are_read() -> None:
    found = read("jsonl", '{"text": "No.", "label": "deny"}\nnonsense\n{"text": "Yes.", "label": "confirm"}', ORIGIN)
    assert [where for where, _ in found.quotes] == ["line 1", "line 3"]
    assert len(found.faults) == 1


def test_a_row_without_a_labeller_is_refused_where_none_is_given_for_all() -> None:
    found = read("csv", "text,label\nNo.,deny\n", Origin(None, NOON))
    assert [fault.where for fault in found.faults] == ["line 2, by"]
