"""A classifier and labelled examples -> its mistakes, the worst first, and what in their words led to them, as a page to look at."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from tqdm.auto import tqdm

from service.classifier import Classifier
from service.model_folder import replace_text
from service.stance import STANCES, Verdict
from service.statements.reading import place_of
from service.statements.statement import Statement
from training.examples import Example

PAGE = Path(__file__).with_name("mistakes.html")
_HIDDEN = "[…]"  # what stands in the place of a word that is hidden; no prose has it, or the statement might be found elsewhere
_CHUNK = 64


@dataclass(frozen=True)
class Piece:
    """A word, or the space between two. `influence`, in [-1, 1], says how much of the lead of the verdict over the right label goes when the word is hidden."""

    text: str
    influence: float


@dataclass(frozen=True)
class Mistake:
    """An example that the classifier got wrong. `lead` is the probability of its verdict minus that of the right label, in (0, 1]."""

    example: Example
    verdict: Verdict
    lead: float
    text: Sequence[Piece]
    context: Sequence[Piece]


def find_mistakes(classifier: Classifier, examples: Sequence[Example], verdicts: Sequence[Verdict]) -> list[Mistake]:
    """The examples whose verdict, in the same order, is wrong; the largest lead first. Shows a progress bar on a terminal.

    A word's influence is found by hiding it: occlusion (Zeiler and Fergus 2014), through the classifier that serves.
    """
    wrong = [pair for pair in zip(examples, verdicts, strict=True) if pair[0].label != pair[1].stance]
    wrong.sort(key=lambda pair: -_lead(*pair))
    return [_explained(classifier, *pair) for pair in tqdm(wrong, desc="explaining", unit="mistake", disable=None, leave=False)]


def write_page(mistakes: Sequence[Mistake], n_examples: int, model: str, path: Path) -> None:
    """Writes one HTML file that needs nothing beside it; whatever the texts hold is shown as text."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pairs = Counter((str(mistake.example.label), str(mistake.verdict.stance)) for mistake in mistakes)
    page = environment.from_string(PAGE.read_text(encoding="utf-8")).render(
        mistakes=mistakes, n_examples=n_examples, model=model, stances=[str(stance) for stance in STANCES], pairs=pairs.most_common()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, page)


def _explained(classifier: Classifier, example: Example, verdict: Verdict) -> Mistake:
    statement, lead = example.statement, _lead(example, verdict)
    frame = statement.frame or ""
    start, end = place_of(statement) or (0, 0)
    before, inside, after = _pieces(frame[:start]), frame[start:end], _pieces(frame[end:])
    text = _pieces(statement.text)
    # A word of the statement is hidden where it stands in the context too, or the statement would no longer be found there.
    variants = [Statement(hidden, f"{frame[:start]}{hidden if inside else ''}{frame[end:]}") for hidden in _hidden(text)]
    variants += [Statement(statement.text, f"{hidden}{frame[start:]}") for hidden in _hidden(before)]
    variants += [Statement(statement.text, f"{frame[:end]}{hidden}") for hidden in _hidden(after)]
    answers = [answer for start in range(0, len(variants), _CHUNK) for answer in classifier.classify(variants[start : start + _CHUNK])]
    right, chosen = STANCES.index(example.label), STANCES.index(verdict.stance)
    influences = iter([(lead - (answer.probabilities[chosen] - answer.probabilities[right])) / 2 for answer in answers])
    own = _weighed(text, influences)
    context = [*_weighed(before, influences), *([Piece(inside, 0.0)] if inside else []), *_weighed(after, influences)]
    return Mistake(example, verdict, lead, own, context)


def _lead(example: Example, verdict: Verdict) -> float:
    return verdict.probability - verdict.probabilities[STANCES.index(example.label)]


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s+|\S+", text)


def _hidden(pieces: Sequence[str]) -> list[str]:
    return ["".join([*pieces[:place], _HIDDEN, *pieces[place + 1 :]]) for place, piece in enumerate(pieces) if not piece.isspace()]


def _weighed(pieces: Sequence[str], influences: Iterable[float]) -> list[Piece]:
    given = iter(influences)
    return [Piece(piece, 0.0 if piece.isspace() else next(given)) for piece in pieces]
