"""Lines of text -> statements: one statement a line, or JSON Lines with `text`, `context`, `speaker`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from service.errors import Fault, InvalidInput, shown
from service.statements.statement import Statement


@dataclass(frozen=True)
class Line:
    """A statement and the JSON fields beside it that are not ours (an id, a label), to be handed through."""

    statement: Statement
    others: dict[str, Any] = field(default_factory=dict)


def read_lines(lines: Iterable[str], source: str) -> Iterator[Line]:
    """Yields a `Line` for each line of `lines` that is not blank. A line that opens with `{` is a JSON object, any other the statement itself.

    Raises `InvalidInput` at the first line that is neither; `source` names the input in its text.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{source} line {number}"
            yield _from_json(line, where) if line.lstrip().startswith("{") else Line(_statement({"text": line.strip()}, where))


def _from_json(line: str, where: str) -> Line:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Fault(where, shown(line), f"a JSON object ({error})")) from None
    for name in ("text", "context", "speaker"):
        if not isinstance(row.get(name), str | None):
            raise InvalidInput(Fault(f"{where}, {name}", shown(row[name]), "a string"))
    if row.get("text") is None:
        raise InvalidInput(Fault(where, shown(sorted(row)), "a field `text`"))
    ours = {name: row.pop(name, None) for name in ("text", "context", "speaker")}
    return Line(_statement(ours, where), row)


def _statement(fields: dict[str, Any], where: str) -> Statement:
    try:
        return Statement(**fields)
    except InvalidInput as error:
        raise InvalidInput(*(Fault(f"{where}, {fault.where}", fault.came, fault.wanted) for fault in error.faults)) from None
