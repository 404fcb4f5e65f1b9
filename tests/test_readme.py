"""What the README shows is what happens: its commands are run, and what they print is compared, but for figures."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from service.classifier import open_classifier
from service.model_folder import open_model_folder
from service.settings import Settings
from service.stance import STANCES
from service.statements.statement import Statement
from tests.archives import archived, write_lines
from tests.fakes import write_toy_model

README = Path("README.md").read_text(encoding="utf-8")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Shown:
    """A command of the README and what it says that it prints (empty: not shown)."""

    command: str
    output: str


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def session() -> list[Shown]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            n = next(number for number, line in enumerate(lines) if not line.endswith("\\")) + 1
            found.append(Shown("\n".join(lines[:n]), "\n".join(lines[n:])))
    return found


def without_figures(text: str) -> str:
    """Figures, the spaces that they leave, and the marks of those just under a threshold are not compared: int8 differs a little between processors."""
    return " ".join(re.sub(r"\d[\d.,:-]*", "#", re.sub(r" \?(?=  )", "", text)).split())


def commands(prefix: str) -> list[Shown]:
    found = [shown for shown in session() if shown.command.startswith(prefix)]
    assert found, f"the README shows no {prefix} command"
    return found


def run(command: str, cwd: Path = ROOT) -> str:
    """Standard output of a shell command, in which `python` is this one."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["/bin/bash", "-c", command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    assert {shlex.split(shown.command)[0] for shown in session()} <= {"make", "curl", "python", "."}


@pytest.mark.parametrize("shown", commands("make"), ids=lambda shown: shown.command)
def test_the_make_targets_are_there(shown: Shown) -> None:
    assert run(shown.command.replace("make", "make --dry-run", 1))


@pytest.mark.model
def test_serving_says_what_the_readme_says(service: tuple[str, Path]) -> None:
    (shown,) = [shown for shown in commands("make serve") if shown.output]
    printed = service[1].read_text(encoding="utf-8")
    assert without_figures(shown.output).endswith(without_figures(printed))


@pytest.mark.model
@pytest.mark.parametrize("shown", commands("curl"), ids=lambda shown: shown.command[:60])
def test_curl_gets_the_answer_that_the_readme_shows(shown: Shown, address: str) -> None:
    assert without_figures(run(shown.command.replace("http://127.0.0.1:8000", address))) == without_figures(shown.output)


@pytest.mark.model
def test_the_python_client_gets_the_answer_that_the_readme_shows(address: str) -> None:
    (code,) = blocks("python")
    (output,) = blocks("text")
    done = subprocess.run([sys.executable, "-c", code.replace("http://127.0.0.1:8000", address)], capture_output=True, text=True, timeout=60, check=True)
    assert without_figures(done.stdout) == without_figures(output)


@pytest.mark.model
def test_the_command_line_prints_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the README's order, in a folder that takes what they write."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.setenv("ONRECORD_LABELS", f"sqlite:///{tmp_path}/labels.db")
    monkeypatch.setenv("ONRECORD_KEYS", str(tmp_path / "keys.json"))
    (tmp_path / "sent.jsonl").write_text('{"text": "No.", "label": "deny", "labeller": "anna"}\n', encoding="utf-8")
    run("python -m service import sent.jsonl", tmp_path)  # as the curl command above has done for whoever follows the README
    for shown in commands("python -m service"):
        assert without_figures(run(shown.command, tmp_path)) == without_figures(shown.output), shown.command


def test_an_archive_answers_the_queries_that_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"text": f"{text} {number}", "topic": topic} for number in range(3) for text, topic in (("You will regret it.", "war"), ("They denied it.", "sport"))
    ]
    archived(write_toy_model(tmp_path / "toy"), tmp_path / "archive", write_lines(tmp_path / "in.jsonl", rows))
    monkeypatch.chdir(tmp_path)
    (query,) = blocks("sql")
    assert duckdb.sql(query).fetchall() == [("war", 3, 1.0), ("sport", 3, 0.0)]
    (code,) = blocks("py")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert [line.split() for line in done.stdout.splitlines()] == [["stance", "deny", "threat"], ["topic"], ["sport", "3", "0"], ["war", "0", "3"]]


@pytest.mark.model
def test_own_quotes_are_trained_on_as_the_readme_says(
    small_quotes: Path, tiny_config: Path, compared: Path, tmp_path: Path, set_up_own: Callable[..., None]
) -> None:
    """The README's commands in its order, on few quotes and with a tiny encoder; a model that poor is refused by the gate, which is no error."""
    set_up_own(tmp_path, small_quotes)
    shutil.copytree(compared, tmp_path / "build" / "compare")  # the command goes on from there: learning it all once is enough
    in_order = sorted(commands("python -m training"), key=lambda shown: "real.jsonl" in shown.command)  # what real statements say of a model comes after it
    for shown in in_order:
        command = shown.command.replace("my-train.toml", str(tiny_config)).replace("data/models", str(tmp_path / "models"))
        command = command.replace("real.jsonl", "my-quotes/test.jsonl")
        if " train " in command:
            command += f" --config {tiny_config}" * ("--config" not in command) + f" --models {tmp_path / 'models'}"
        if " compare " in command:
            command = f"{command.replace('data/quotes', 'my-quotes')} --quotes my-quotes --config {tiny_config}"
        if " gate " in command:
            command += " || test $? = 1"
        run(command, tmp_path)


@pytest.fixture
def set_up_own() -> Callable[..., None]:
    def link(folder: Path, quotes: Path) -> None:
        (folder / "my-quotes").symlink_to(quotes)

    return link


def test_the_results_are_those_of_the_released_model(released: Path) -> None:
    results = open_model_folder(released).card.results
    for figure in (results["macro_f1"], *(results["f1"][stance] for stance in STANCES)):
        assert f"{figure:.3f}" in README
    assert f"{results['n']} quotes" in README


def test_the_longest_wait_is_the_one_that_is_set() -> None:
    assert f"`ONRECORD_MOST_WAIT_MS` ({Settings().most_wait_ms})" in README


def mistakes() -> list[tuple[str, str | None, str]]:
    """What the README says that the model gets wrong: text, context, the stance that it is read as."""
    found = re.findall(r'^- .*?"([^"]+)"(?: in "([^"]+)")? is read as `(\w+)`', README, flags=re.MULTILINE)
    assert found
    return [(text, context or None, stance) for text, context, stance in found]


@pytest.mark.model
def test_the_mistakes_that_the_readme_warns_of_are_made(released: Path) -> None:
    shown = mistakes()
    verdicts = open_classifier(released).classify([Statement(text, context) for text, context, _ in shown])
    assert [str(verdict.stance) for verdict in verdicts] == [stance for _, _, stance in shown]


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
