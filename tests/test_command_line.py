"""`python -m service`: statements in from arguments, a file or standard input; a table, JSON Lines or CSV out; one clear sentence where that cannot be."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.__main__ import main
from service.stance import STANCES
from tests.fakes import CERTAIN, CUES, MAX_WORDS, write_files, write_model_folder, write_toy_model

ROOT = Path(__file__).parent.parent
Classify = Callable[..., str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule of the fake network as a model folder: what stands in for the network where the command line builds its own."""
    return write_toy_model(tmp_path_factory.mktemp("models") / "toy").path


@pytest.fixture
def classify(model: Path, capsys: pytest.CaptureFixture[str]) -> Classify:
    """What `classify` prints for arguments that it can use."""

    def run(*arguments: str) -> str:
        assert main(["classify", "--model", str(model), *arguments]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


@pytest.fixture
def refusal(model: Path, capsys: pytest.CaptureFixture[str]) -> Classify:
    """The sentence that `classify` ends with for arguments that it cannot use."""

    def run(*arguments: str) -> str:
        assert main(["classify", "--model", str(model), *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error.removeprefix("error: ").rstrip("\n")

    return run


def in_a_process(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a shell starts it, where standard input or the environment matters."""
    command = [sys.executable, "-m", "service", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONRECORD_")}
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, env=kept | environment, timeout=60, check=False)


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_arguments_are_classified_in_a_table(classify: Classify) -> None:
    lines = classify("They denied it.", "We are looking into it.").splitlines()
    assert [line.rstrip().split(maxsplit=2) for line in lines[:2]] == [["stance", "probability", "statement"], ["deny", "0.91", "They denied it."]]
    assert lines[2].rstrip().split(maxsplit=3) == ["other", "?", "0.40", "We are looking into it."]
    assert lines[3].startswith("?  under the model's threshold")


def test_a_table_shows_a_statement_as_it_was_said(classify: Classify) -> None:
    assert "[bold]They[/bold] denied :fire: it." in classify("[bold]They[/bold] denied :fire: it.")


def test_json_lines_hold_the_whole_verdict(classify: Classify) -> None:
    (row,) = rows(classify("--format", "jsonl", '{"text": "any role", "context": "They denied any role.", "speaker": "they"}'))
    assert (row["text"], row["context"], row["speaker"]) == ("any role", "They denied any role.", "they")
    assert (row["stance"], row["certain"], row["truncated"]) == ("deny", True, False)
    assert row["probability"] == row["probabilities"]["deny"] == pytest.approx(CERTAIN, abs=1e-4)
    assert list(row["probabilities"]) == list(STANCES)
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_fields_that_are_not_ours_are_handed_through(classify: Classify) -> None:
    given = {"id": 7, "text": "They denied it.", "label": "deny", "source": {"name": "größer", "pages": [1, 2]}, "stance": "threat"}
    (row,) = rows(classify("--format", "jsonl", json.dumps(given)))
    assert {name: row[name] for name in ("id", "label", "source")} == {name: given[name] for name in ("id", "label", "source")}
    assert row["stance"] == "deny", "a field of the input stands where a verdict should"


def test_csv_can_be_read_back(classify: Classify) -> None:
    statements = ['She said: "They denied it, twice".', '{"text": "two\\nlines", "context": "a, b", "speaker": "größer"}', "word " * (MAX_WORDS + 1)]
    read = list(csv.DictReader(io.StringIO(classify("--format", "csv", *statements))))
    assert list(read[0]) == ["text", "context", "speaker", "stance", "probability", *STANCES, "certain", "truncated"]
    assert [row["text"] for row in read] == ['She said: "They denied it, twice".', "two\nlines", ("word " * (MAX_WORDS + 1)).strip()]
    assert (read[1]["context"], read[1]["speaker"], read[0]["context"]) == ("a, b", "größer", "")
    assert [(row["stance"], row["certain"], row["truncated"]) for row in read] == [
        ("deny", "true", "false"),
        ("other", "false", "false"),
        ("other", "false", "true"),
    ]
    assert read[0]["probability"] == read[0]["deny"]
    assert sum(float(read[0][stance]) for stance in STANCES) == pytest.approx(1, abs=1e-5)


def test_an_argument_on_two_lines_is_one_statement(classify: Classify) -> None:
    assert [row["text"] for row in rows(classify("--format", "jsonl", "They\ndenied it."))] == ["They denied it."]


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "with a byte-order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_file_may_hold_plain_lines_and_json_lines(classify: Classify, tmp_path: Path, bom: str, end: str) -> None:
    lines = ['{"id": 1, "text": "They denied it."}', "", "They will regret this.", '{"id": 3, "text": "Мы", "context": "She urged them."}']
    (tmp_path / "quotes.jsonl").write_text(bom + end.join(lines), encoding="utf-8", newline="")
    answer = rows(classify("--format", "jsonl", "--file", str(tmp_path / "quotes.jsonl")))
    assert [(row.get("id"), row["text"], row["stance"]) for row in answer] == [
        (1, "They denied it.", "deny"),
        (None, "They will regret this.", "threat"),
        (3, "Мы", "appeal"),
    ]


def test_a_long_file_comes_out_whole_and_in_order(classify: Classify, tmp_path: Path) -> None:
    cues = [list(CUES)[number % 5] for number in range(321)]
    (tmp_path / "quotes.txt").write_text("".join(f"{number} is {cue}\n" for number, cue in enumerate(cues)), encoding="utf-8")
    answer = rows(classify("--format", "jsonl", "--file", str(tmp_path / "quotes.txt")))
    assert [(row["text"], row["stance"]) for row in answer] == [(f"{number} is {cue}", CUES[cue]) for number, cue in enumerate(cues)]


def test_an_empty_file_gives_no_verdicts(classify: Classify, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n \n", encoding="utf-8")
    assert classify("--format", "jsonl", "--file", str(tmp_path / "empty")) == ""
    assert classify("--format", "csv", "--file", str(tmp_path / "empty")).count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--file", "-")], ids=["nothing named", "--file -"])
def test_standard_input_is_read_where_nothing_else_is_named(model: Path, arguments: tuple[str, ...]) -> None:
    given = '\ufeff{"id": 1, "text": "They denied it."}\nОна confirmed it.\n'.encode()
    ended = in_a_process("classify", "--model", str(model), "--format", "jsonl", *arguments, stdin=given)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert [(row["text"], row["stance"]) for row in rows(ended.stdout.decode())] == [("They denied it.", "deny"), ("Она confirmed it.", "confirm")]


@pytest.mark.parametrize("output", ["table", "jsonl", "csv"])
def test_the_output_is_utf_8_whatever_the_locale_says(model: Path, output: str) -> None:
    given = '{"id": "\\ud800", "text": "Нет…"}\n'.encode()
    ended = in_a_process("classify", "--model", str(model), "--format", output, stdin=given, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "Нет…" in ended.stdout.decode("utf-8")
    if output == "jsonl":
        assert rows(ended.stdout.decode("utf-8"))[0]["id"] == "\ud800"


def test_a_reader_that_has_enough_is_no_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("They denied it.\n" * 3_000, encoding="utf-8")
    command = [sys.executable, "-m", "service", "classify", "--model", str(model), "--format", "jsonl", "--file", str(tmp_path / "many.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["stance"] == "deny"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["\x00"], "argument line 1, text: wanted printable Unicode text, got the control character U+0000 at character 0"),
        (
            ["No.", "a\udcffb"],
            "argument line 2, text: wanted printable Unicode text, got the lone surrogate U+DCFF at character 1",
        ),
        (["No.", "x" * 20_001], "argument line 2, text: wanted at most 20000 characters, got 20001 characters"),
        (["No.", ""], 'arguments: wanted a text that is not blank, got ""'),
        ([" \n"], 'arguments: wanted a text that is not blank, got " \\n"'),
        (['{"text": 3}'], "argument line 1, text: wanted a string, got 3"),
        (['{"quote": "No."}'], 'argument line 1: wanted a field `text`, got ["quote"]'),
        (["No.", "--file", "quotes.txt"], "arguments: wanted one of the two, got statements and --file"),
        (["--file", "/no/such/file"], "/no/such/file: wanted a file that can be read, got No such file or directory"),
        (["--file", "/"], "/: wanted a file that can be read, got Is a directory"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_arguments_that_cannot_be_used_are_told_why(refusal: Classify, arguments: list[str], sentence: str) -> None:
    assert refusal(*arguments) == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'fine\n\n{"text": \n', "line 3: wanted a JSON object (Expecting value"),
        (b'{"text": "fine"}\n{"text": " "}\n', 'line 2, text: wanted a text that is not blank, got " "'),
        (b"fine\nna\xefve\n", ": wanted UTF-8 text, got byte 0xEF"),
        (b"\xff\xfef\x00", ": wanted UTF-8 text, got byte 0xFF"),
        (b"PK\x03\x04", "line 1, text: wanted printable Unicode text, got the control character U+0003 at character 2"),
    ],
    ids=["broken JSON", "blank", "Latin-1", "UTF-16", "a zip file"],
)
def test_a_file_that_cannot_be_used_is_told_with_the_line(refusal: Classify, tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "quotes.jsonl"
    path.write_bytes(content)
    told = refusal("--file", str(path), "--format", "jsonl")
    assert told.startswith(str(path))
    assert sentence in told


def test_standard_input_that_cannot_be_used_is_told_with_the_line(model: Path) -> None:
    ended = in_a_process("classify", "--model", str(model), stdin=b'fine\n{"text": 3}\n')
    assert (ended.returncode, ended.stderr) == (2, b"error: standard input line 2, text: wanted a string, got 3\n")
    ended = in_a_process("classify", "--model", str(model), stdin=b"\xff\n")
    assert (ended.returncode, ended.stderr) == (2, b"error: standard input: wanted UTF-8 text, got byte 0xFF\n")


@pytest.mark.parametrize("arguments", [[], ["clasify"], ["classify", "--format", "xml", "No."], ["classify", "--fil"], ["serve", "--port", "http"]])
def test_a_command_that_is_mistyped_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m service" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_refused(model: Path, capsys: pytest.CaptureFixture[str], port: str) -> None:
    assert main(["serve", "--model", str(model), "--port", port]) == 2
    assert capsys.readouterr().err == f"error: --port: wanted a whole number from 0 to 65535, got {port}\n"


def test_a_port_that_is_taken_is_told_and_ends_the_service(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = in_a_process("serve", "--model", str(model), "--port", str(port))
    assert 0 < ended.returncode < 128, "it was ended by a signal"
    assert b"address already in use" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [["classify", "No."], ["serve"]], ids=["classify", "serve"])
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder, "there is no such folder; `make model` trains one"),
        (write_files, "it has no card.json, so it is no finished model"),
        (lambda folder: (write_model_folder(folder).path / "config.json").write_text("{}"), "config.json is not the file that its card was written for"),
    ],
    ids=["absent", "unfinished", "damaged"],
)
def test_a_model_that_cannot_be_used_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], make: Callable[[Path], Any], sentence: str
) -> None:
    make(tmp_path / "model")
    assert main([*command, "--model", str(tmp_path / "model")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {tmp_path / 'model'}: {sentence}")


def test_a_network_that_cannot_be_opened_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model_folder(tmp_path)
    assert main(["classify", "--model", str(tmp_path), "No."]) == 2
    assert "ONNX Runtime cannot open it" in capsys.readouterr().err


def test_the_model_that_is_named_as_served_is_used_and_else_the_released_one(tmp_path: Path) -> None:
    write_toy_model(tmp_path / "released")
    write_toy_model(tmp_path / "20250601-120000", temperature=50.0)

    def probability() -> float:
        ended = in_a_process("classify", "--format", "jsonl", "They denied it.", ONRECORD_MODELS=str(tmp_path))
        (row,) = rows(ended.stdout.decode())
        return float(row["probability"])

    assert probability() == pytest.approx(CERTAIN, abs=1e-4)
    (tmp_path / "served").write_text("20250601-120000\n", encoding="utf-8")
    assert probability() < 0.25
    (tmp_path / "served").unlink()
    assert probability() == pytest.approx(CERTAIN, abs=1e-4)


def test_a_setting_that_cannot_be_used_is_named(model: Path) -> None:
    ended = in_a_process("classify", "--model", str(model), "No.", ONRECORD_THREADS="many")
    assert ended.returncode == 2
    assert ended.stderr == b'error: ONRECORD_THREADS: wanted a whole number from 0 to 1024, got "many"\n'


def test_classifying_imports_neither_the_server_nor_training(model: Path) -> None:
    code = (
        "import sys; from service.__main__ import main; main(sys.argv[1:]); "
        "sys.exit(', '.join({'fastapi', 'uvicorn', 'sqlalchemy', 'alembic', 'torch', 'transformers', 'training'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "classify", "--model", str(model), "--format", "jsonl", "No."]
    ended = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=False, text=True)
    assert json.loads(ended.stdout)["text"] == "No."
    assert ended.stderr.strip() == ""
