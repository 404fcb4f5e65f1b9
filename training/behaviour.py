"""Behaviour cases and a classifier -> how many cases pass, rule by rule: CheckList (Ribeiro et al. 2020) over the codebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.classifier import Classifier
from service.errors import Fault, InvalidInput, shown
from service.stance import Stance
from service.statements.statement import Statement

KINDS = ("rule", "same", "turned")  # what a group's name begins with
CASES = Path(__file__).resolve().parent.parent / "data" / "behaviour.jsonl"


class Asked(BaseModel):
    """A statement of a case; `label` is null where only sameness counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    context: str | None = None
    label: Stance | None = None


class Case(BaseModel):
    """Statements that a model has to get right together.

    `group` names what is tested: "rule-07" (the codebook's rule, one side of it), "same-names" (a change of names must change nothing),
    "turned-negation" (a small change must change the label). All statements of a case without labels must get one and the same stance; those with
    labels each their own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    group: str = Field(pattern=r"^(rule-\d\d|same-[a-z-]+|turned-[a-z-]+)$")
    statements: tuple[Asked, ...] = Field(min_length=1)


@dataclass(frozen=True)
class PassRate:
    """Of `n` cases of a group; `failed` holds the ids of those that did not pass."""

    n: int
    rate: float
    failed: tuple[str, ...]


def read_cases(path: Path = CASES) -> list[Case]:
    """The cases of a JSON Lines file. Raises `InvalidInput` at the first line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InvalidInput(Fault(str(path), error.strerror or "an error", "a JSON Lines file of behaviour cases")) from None
    cases = []
    for number, line in enumerate(lines, start=1):
        try:
            cases.append(Case.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInput(Fault(f"{path} line {number}, {'.'.join(map(str, first['loc']))}", shown(first["input"]), first["msg"])) from None
    return cases


def pass_rates(classifier: Classifier, cases: Sequence[Case]) -> dict[str, PassRate]:
    """Group -> pass rate, groups in alphabetical order."""
    asked = [Statement(each.text, each.context) for case in cases for each in case.statements]
    given = iter(classifier.classify(asked))
    passed = {case.id: _passes(case, [next(given).stance for _ in case.statements]) for case in cases}
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case.id)
    return {
        group: PassRate(len(ids), sum(passed[identity] for identity in ids) / len(ids), tuple(identity for identity in ids if not passed[identity]))
        for group, ids in sorted(groups.items())
    }


def _passes(case: Case, stances: Sequence[Stance]) -> bool:
    if all(each.label is None for each in case.statements):
        return len(set(stances)) == 1
    return all(each.label in (None, stance) for each, stance in zip(case.statements, stances, strict=True))
