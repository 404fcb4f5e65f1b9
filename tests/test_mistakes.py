"""The page of mistakes shows the worst first, says which words led there, and runs nothing that a text holds."""

import json
from pathlib import Path

import pytest

from service.stance import Stance
from service.statements.statement import Statement
from tests.fakes import fake_classifier, write_toy_model
from training.__main__ import main
from training.examples import Example
from training.mistakes import find_mistakes, write_page

EXAMPLES = [
    Example("right", Statement("They denied it."), Stance.DENY),
    Example("sure", Statement("They denied and denied it."), Stance.OTHER),
    Example("less-sure", Statement("<script>alert(1)</script> denied", "The firm, <b>he</b> urged, <script>alert(1)</script> denied"), Stance.APPEAL),
]


def test_only_mistakes_are_listed_and_the_surest_comes_first() -> None:
    classifier = fake_classifier()
    verdicts = classifier.classify([example.statement for example in EXAMPLES])
    mistakes = find_mistakes(classifier, EXAMPLES, verdicts)
    assert [mistake.example.id for mistake in mistakes] == ["sure", "less-sure"]
    assert mistakes[0].lead == pytest.approx(verdicts[1].probability - verdicts[1].probabilities[4])


def test_the_words_that_led_to_the_verdict_have_the_influence() -> None:
    classifier = fake_classifier()
    (mistake,) = find_mistakes(classifier, EXAMPLES[2:], classifier.classify([EXAMPLES[2].statement]))
    assert "".join(piece.text for piece in mistake.text) == EXAMPLES[2].statement.text
    assert {piece.text: piece.influence > 0.1 for piece in mistake.text if piece.text.strip()} == {"<script>alert(1)</script>": False, "denied": True}
    # The word for the right label in the context speaks against the verdict.
    against = {piece.text for piece in mistake.context if piece.influence < -0.005}
    assert against == {"urged,"}


def test_a_page_without_mistakes_can_be_written(tmp_path: Path) -> None:
    write_page([], 3, "m", tmp_path / "new" / "page.html")
    assert "0 of 3 examples" in (tmp_path / "new" / "page.html").read_text(encoding="utf-8")


def test_the_command_writes_one_page_in_which_texts_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_toy_model(tmp_path / "model").path
    path = tmp_path / "examples.jsonl"
    rows = [{"id": example.id, "text": example.statement.text, "context": example.statement.context, "label": example.label} for example in EXAMPLES]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    page = tmp_path / "page.html"
    assert main(["errors", "--model", str(model), "--examples", str(path), "--html", str(page)]) == 0
    assert "2 of 3 examples are wrong" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert 'data-pair="other deny"' in text
    assert "http" not in text.replace("http-equiv", ""), "the page has to stand alone"
