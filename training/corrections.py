"""Written quotes and the store of labels -> the splits of one retraining. Nothing that is held out is ever taught, and what is held out does not grow."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.labels.quote import NOT_A_STATEMENT, Quote, Status, quote_id
from service.model_folder import replace_text
from service.stance import Stance
from service.statements.statement import Statement
from training.examples import SPLITS, Example, read_examples, read_split

ASIDE = "aside"  # beside the three splits: labels that the new model is not taught, to see whether it learned what they have in common
_LEAST_WORDS = 5  # "No comment." may stand in two stories and be no leak
_LEAST_GROUPS = 5  # with so many, one is kept aside even where chance would keep none


@dataclass(frozen=True)
class Collected:
    """What a retraining learns from. `counts` says how many labelled quotes of the store went where."""

    splits: Mapping[str, Sequence[Example]]
    aside: Sequence[Example]
    counts: Mapping[str, int]


def collect(quotes: Path, labelled: Iterable[Quote], share_aside: float, weight: int) -> Collected:
    """The splits below `quotes` with the agreed labels added to train, each counting `weight` times; about `share_aside` of them, in [0, 1), are kept aside.

    A statement that people labelled takes the place of the written one. One that stands in validation or test, or belongs to a story that does, is left out.
    Quotes of one story or one context are on the same side, which they never change. Raises `InvalidInput` where a split cannot be read.
    """
    splits = {name: read_split(name, quotes) for name in SPLITS}
    held_out = [example for name in SPLITS if name != "train" for example in splits[name]]
    held_stories = {example.story for example in held_out if example.story}
    held_texts = {words for example in held_out if len((words := _words(example.statement.text)).split()) >= _LEAST_WORDS}
    held_ids = {_identity(example.statement) for example in held_out}
    counts = dict.fromkeys(("disputed", "unlabelled", "no_statement", "held_out", ASIDE, "train"), 0)
    new: list[tuple[Quote, str]] = []
    for quote in labelled:
        if quote.status in (Status.DISPUTED, Status.UNLABELLED):
            counts[str(quote.status)] += 1
        elif quote.label == NOT_A_STATEMENT:
            counts["no_statement"] += 1
        elif quote.label is not None and quote.status is Status.AGREED:
            if quote.id in held_ids or quote.story in held_stories or _words(quote.statement.text) in held_texts:
                counts["held_out"] += 1
            else:
                new.append((quote, _group(quote)))
    kept_aside = _aside({group for _, group in new}, share_aside)
    aside = [_example(quote, 1) for quote, group in new if group in kept_aside]
    taught = [_example(quote, weight) for quote, group in new if group not in kept_aside]
    counts |= {ASIDE: len(aside), "train": len(taught)}
    replaced = {quote.id for quote, _ in new}
    written = [example for example in splits["train"] if _identity(example.statement) not in replaced]
    return Collected({**splits, "train": [*written, *taught]}, aside, counts)


def write_collected(collected: Collected, folder: Path) -> None:
    """Writes the splits and what is kept aside as JSON Lines, so that a retraining that was stopped goes on with the same quotes; `counts.json` comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, examples in {**collected.splits, ASIDE: collected.aside}.items():
        replace_text(folder / f"{name}.jsonl", "".join(f"{json.dumps(_row(example), ensure_ascii=False)}\n" for example in examples))
    replace_text(folder / "counts.json", json.dumps(dict(collected.counts)) + "\n")


def read_counts(folder: Path) -> dict[str, int] | None:
    """The counts of what `write_collected` finished there; None where it did not."""
    path = folder / "counts.json"
    if not path.is_file():
        return None
    counts: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return counts


def read_aside(folder: Path) -> list[Example]:
    """What was kept aside; empty where nothing was."""
    path = folder / f"{ASIDE}.jsonl"
    return read_examples(path) if path.stat().st_size else []


def _aside(groups: set[str], share: float) -> set[str]:
    places = {group: int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 16**8 for group in groups}
    found = {group for group, place in places.items() if place < share}
    if not found and share > 0 and len(groups) >= _LEAST_GROUPS:
        found = {min(places, key=lambda group: places[group])}
    return found


def _group(quote: Quote) -> str:
    """What quotes share that must not be on both sides."""
    return quote.story or _words(quote.statement.context or quote.statement.text)


def _example(quote: Quote, weight: int) -> Example:
    statement = replace(quote.statement, speaker=quote.speaker)
    return Example(quote.id, statement, Stance(str(quote.label)), story=quote.story, weight=weight)


def _identity(statement: Statement) -> str:
    return quote_id(statement.text, statement.context)


def _words(text: str) -> str:
    return " ".join(re.sub(r"\W+", " ", text.lower()).split())


def _row(example: Example) -> dict[str, object]:
    statement = example.statement
    return {
        "id": example.id,
        "story": example.story,
        "text": statement.text,
        "context": statement.context,
        "speaker": statement.speaker,
        "label": str(example.label),
        "form": example.form,
        "topic": example.topic,
        "rule": example.rule,
        "weight": example.weight,
    }
