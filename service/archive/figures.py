"""Files of verdicts -> the figures of a report, a batch at a time: what is kept does not grow with the archive."""

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from service.archive.columns import Columns
from service.archive.place import Folder
from service.archive.plan import PARTS, Plan
from service.stance import STANCES

_EXAMPLES = 5  # of each stance
_MOST_NAMES = 200_000  # counted at once; then the rarest half is forgotten, so that the counts of rare names may be too small
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_BARS = 60
Counts = dict[str, "Counter[str]"]


@dataclass(order=True, frozen=True)
class Example:
    """A statement that the model is surest of."""

    probability: float
    text: str
    speaker: str | None = field(compare=False)
    source: str | None = field(compare=False)


@dataclass
class Figures:
    """Counts of statements by stance, the uncertain ones among them, and by day, speaker and source where these are known."""

    stances: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    days: Counts = field(default_factory=dict)
    speakers: Counts = field(default_factory=dict)
    sources: Counts = field(default_factory=dict)
    examples: dict[str, list[Example]] = field(default_factory=lambda: {str(stance): [] for stance in STANCES})

    def add(self, row: dict[str, Any]) -> None:
        """One statement: `stance`, `certain`, `probability`, `text`, `speaker`, `source`, `date`."""
        stance = row["stance"]
        self.stances[stance] += 1
        self.uncertain[stance] += not row["certain"]
        for counts, name in ((self.days, _day(row["date"])), (self.speakers, row["speaker"]), (self.sources, row["source"])):
            if name is not None and str(name).strip():
                counts.setdefault(str(name), Counter())[stance] += 1
                _forget_rare(counts)
        examples = self.examples[stance]
        if len(examples) < _EXAMPLES or row["probability"] > examples[0].probability:
            example = Example(row["probability"], str(row["text"]), row["speaker"] and str(row["speaker"]), row["source"] and str(row["source"]))
            if all(example.text != other.text for other in examples):
                (heapq.heappush if len(examples) < _EXAMPLES else heapq.heappushpop)(examples, example)

    def over_time(self) -> Counts:
        """By day, or by month or year where the days are too many to draw; in order."""
        for n_chars in (10, 7, 4):
            found: Counts = {}
            for day in sorted(self.days):
                found.setdefault(day[:n_chars], Counter()).update(self.days[day])
            if len(found) <= _BARS:
                break
        return found


def most(counts: Counts, n: int) -> Counts:
    """The `n` names with the most statements."""
    return dict(heapq.nlargest(n, counts.items(), key=lambda item: item[1].total()))


def figures_of(out: Folder, plan: Plan) -> Figures:
    """Of all chunks that are done."""
    figures = Figures()
    for name in sorted(out.names(PARTS)):
        for row in _rows(out, f"{PARTS}/{name}", wanted_of(plan.columns)):
            figures.add(row)
    return figures


def wanted_of(columns: Columns) -> dict[str, str | None]:
    """What a report looks at -> the column of the archive that holds it. Of articles text and speaker are what was found in them."""
    own = {"text": "text", "speaker": "speaker"} if columns.articles else {"text": columns.out(columns.text), "speaker": columns.out(columns.speaker)}
    named = {name: value and columns.out(value) for name, value in (("date", columns.date), ("source", columns.source))}
    return {"stance": "stance", "certain": "certain", "probability": "probability", **own, **named}


def _rows(out: Folder, name: str, wanted: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    with out.open(name) as file:
        opened = pq.ParquetFile(file)
        there = {key: column for key, column in wanted.items() if column in opened.schema_arrow.names}
        for batch in opened.iter_batches(4_096, columns=list(dict.fromkeys(there.values())), use_threads=False):
            columns: dict[str, Sequence[Any]] = {key: batch.column(column).to_pylist() for key, column in there.items()}
            for number in range(batch.num_rows):
                yield {key: columns[key][number] if key in columns else None for key in wanted}


def _day(value: Any) -> str | None:
    """The day of a date, a time, or a text that begins with one in ISO 8601."""
    found = _DAY.match(str(value)) if value is not None else None
    return found[0] if found else None


def _forget_rare(counts: Counts) -> None:
    if len(counts) > _MOST_NAMES:
        kept = most(counts, _MOST_NAMES // 2)
        counts.clear()
        counts.update(kept)
