"""Files of labelled statements -> examples, checked line by line. Written quotes and other people's files come in through here alike."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from service.errors import Fault, InvalidInput, shown
from service.stance import STANCES, Stance
from service.statements.statement import Statement

Form = Literal["direct", "fragment", "indirect", "bare"]
FORMS: tuple[Form, ...] = get_args(Form)
N_RULES = 16  # in the codebook, data/README.md
MAX_WEIGHT = 100
QUOTES = Path("data/quotes")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Example:
    """A labelled statement.

    `id` is unique in its file. `form`, `topic`, `story` (quotes about one event share it) and `rule` (the codebook's number, 1 to 16, that decides a hard
    one) are None where a file does not give them. In training it counts `weight` times.
    """

    id: str
    statement: Statement
    label: Stance
    form: Form | None = None
    topic: str | None = None
    story: str | None = None
    rule: int | None = None
    weight: int = 1


def read_examples(path: Path) -> list[Example]:
    """The examples of a JSON Lines file, in order. `id`s that are missing become line numbers; fields that are not ours are left alone.

    Raises `InvalidInput` with every fault (20 at most), or that the file holds no example.
    """
    faults: list[Fault] = []
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for number, row in _rows(path, faults):
        try:
            example = _example(row, number)
            if example.id in seen:
                raise InvalidInput(Fault("id", shown(example.id), f"an id of its own (line {seen[example.id]} has it)"))
            seen[example.id] = number
            examples.append(example)
        except InvalidInput as error:
            faults += [Fault(f"{path} line {number}, {fault.where}", fault.came, fault.wanted) for fault in error.faults]
    if not examples and not faults:
        faults = [Fault(str(path), "no line", "at least one labelled statement, JSON Lines")]
    if faults:
        raise InvalidInput(*faults[:20])
    return examples


def read_split(name: str, quotes: Path = QUOTES) -> list[Example]:
    """The examples of `train`, `validation` or `test` under `quotes`."""
    return read_examples(quotes / f"{name}.jsonl")


def data_digest(quotes: Path = QUOTES) -> str:
    """SHA-256 over the three splits and the label set: what a model's card names as its origin."""
    digest = hashlib.sha256(" ".join(STANCES).encode())
    for name in SPLITS:
        digest.update(f"\n{name}\n".encode())
        digest.update((quotes / f"{name}.jsonl").read_bytes())
    return digest.hexdigest()


def place_of(key: str) -> float:
    """In [0, 1), as if by chance, and always the same."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 16**8


def labels_of(examples: Sequence[Example]) -> list[int]:
    """The column of each example's label."""
    return [STANCES.index(example.label) for example in examples]


def _rows(path: Path, faults: list[Fault]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    faults.append(Fault(f"{path} line {number}", shown(line), f"a JSON object ({error})"))
                    continue
                if isinstance(row, dict):
                    yield number, row
                else:
                    faults.append(Fault(f"{path} line {number}", shown(row), "a JSON object"))
    except OSError as error:
        raise InvalidInput(Fault(str(path), error.strerror or "an error", "a JSON Lines file that can be read")) from None
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault(str(path), f"byte {error.start} that is not UTF-8", "UTF-8")) from None


def _example(row: dict[str, Any], number: int) -> Example:
    for name in ("text", "context", "speaker", "form", "topic", "story"):
        if not isinstance(row.get(name), str | None):
            raise InvalidInput(Fault(name, shown(row[name]), "a string"))
    if row.get("label") not in STANCES:
        raise InvalidInput(Fault("label", shown(row.get("label")), f"one of {', '.join(STANCES)}"))
    if row.get("form") not in (*FORMS, None):
        raise InvalidInput(Fault("form", shown(row["form"]), f"one of {', '.join(FORMS)}"))
    rule = row.get("rule")
    if rule is not None and not (type(rule) is int and 1 <= rule <= N_RULES):
        raise InvalidInput(Fault("rule", shown(rule), f"null or a number from 1 to {N_RULES}"))
    weight = row.get("weight", 1)
    if not (type(weight) is int and 1 <= weight <= MAX_WEIGHT):
        raise InvalidInput(Fault("weight", shown(weight), f"a whole number from 1 to {MAX_WEIGHT}"))
    if row.get("text") is None:
        raise InvalidInput(Fault("text", "nothing", "a text"))
    statement = Statement(row["text"], row.get("context"), row.get("speaker"))
    identity = str(row.get("id", number))
    return Example(identity, statement, Stance(row["label"]), row.get("form"), row.get("topic"), row.get("story"), rule, weight)
