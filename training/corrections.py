"""Written quotes and the store of labels -> the splits of one retraining. Nothing that is held out is ever taught, and what is held out does not grow."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.labels.quote import NOT_A_STATEMENT, Quote, Status, quote_id
from service.model_folder import replace_text
from service.stance import Stance
from service.statements.statement import Statement
from training.behaviour import read_cases
from training.config import RetrainConfig
from training.examples import SPLITS, Example, place_of, read_examples, read_split

ASIDE = "aside"  # beside the three splits: labels that the new model is not taught, to see whether it learned what they have in common
_LEAST_WORDS = 5  # "No comment." may stand in two stories and be no leak


@dataclass(frozen=True)
class Collected:
    """What a retraining learns from. `counts` says how many labelled quotes of the store went where, and how many written ones are rehearsed."""

    splits: Mapping[str, Sequence[Example]]
    aside: Sequence[Example]
    counts: Mapping[str, int]


def collect(quotes: Path, labelled: Iterable[Quote], config: RetrainConfig, draw: str) -> Collected:
    """The splits below `quotes`; train holds the agreed labels, but those kept aside, and a share of the written quotes, which are rehearsed.

    Another `draw` rehearses other quotes. A label counts `label_weight` times a written quote; where labels outweigh the share that is rehearsed, more is, and
    where they outweigh all that was written, each counts less. A statement that people labelled takes the place of the written one. One whose text, context
    or story is in validation, test or the behaviour cases is left out. Quotes of one story, text or context are on the same side. Raises `InvalidInput` where
    a split cannot be read.
    """
    splits = {name: read_split(name, quotes) for name in SPLITS}
    cases = [Statement(asked.text, asked.context) for case in read_cases() for asked in case.statements]
    held_out = [example for name in SPLITS if name != "train" for example in splits[name]]
    held = _Known([*(example.statement for example in held_out), *cases], {example.story for example in held_out})
    written = _Known([example.statement for example in splits["train"]], {example.story for example in splits["train"]})
    new, settled, counts = _sorted_out(labelled, held)
    # A group has the place of the quote that came first: where that one is, it stays, whatever joins it.
    # What a written quote has in common with a label has been taught already: only a label that is new in every way shows whether something was learned.
    kept_aside = {
        quote.id
        for group in _groups(new)
        if place_of(group[-1].id) < config.share_aside and not any(written.knows(quote) for quote in group)
        for quote in group
    }
    aside = [_example(quote, 1) for quote in new if quote.id in kept_aside]
    identities = [_identity(example.statement) for example in splits["train"]]
    n_taught = len(new) - len(aside)
    share = max(config.share_rehearsed, n_taught * config.label_weight / max(len(identities), 1))
    rehearsed = [
        example for example, identity in zip(splits["train"], identities, strict=True) if identity not in settled and place_of(f"{draw} {identity}") < share
    ]
    weight = max(1, min(config.label_weight, len(rehearsed) // max(n_taught, 1)))
    taught = [_example(quote, weight) for quote in new if quote.id not in kept_aside]
    counts |= {ASIDE: len(aside), "train": n_taught, "rehearsed": len(rehearsed)}
    return Collected({**splits, "train": [*rehearsed, *taught]}, aside, counts)


def _sorted_out(labelled: Iterable[Quote], held: "_Known") -> tuple[list[Quote], set[str], dict[str, int]]:
    """The quotes whose labels may be taught, the ids of all that people labelled, and how many there are of each other kind."""
    counts = dict.fromkeys(("disputed", "unlabelled", "no_statement", "held_out"), 0)
    new: list[Quote] = []
    settled: set[str] = set()  # whatever people made of it: the written label no longer counts
    for quote in labelled:
        if quote.status is not Status.UNLABELLED:
            settled.add(quote.id)
        if quote.status in (Status.DISPUTED, Status.UNLABELLED):
            counts[str(quote.status)] += 1
        elif quote.label == NOT_A_STATEMENT:
            counts["no_statement"] += 1
        elif quote.label is not None and quote.status is Status.AGREED:
            if held.knows(quote):
                counts["held_out"] += 1
            else:
                new.append(quote)
    return new, settled, counts


class _Known:
    """Statements and stories that a quote may have something in common with."""

    def __init__(self, statements: Sequence[Statement], stories: set[str | None]) -> None:
        self._stories = stories - {None}
        self._ids = {_identity(statement) for statement in statements}
        self._texts = {words for statement in statements for words in _long(statement)}

    def knows(self, quote: Quote) -> bool:
        """Whether the quote is one of them, of one of their stories, or has five words or more as text or context that one of them has."""
        return quote.id in self._ids or quote.story in self._stories or not self._texts.isdisjoint(_long(quote.statement))


def _long(statement: Statement) -> list[str]:
    """Text and context, as plain words, where they are long enough to be nobody else's."""
    found = [_words(text) for text in (statement.text, statement.context) if text]
    return [words for words in found if len(words.split()) >= _LEAST_WORDS]


def _groups(quotes: Sequence[Quote]) -> list[list[Quote]]:
    """Quotes that share a story, a text or a context are in one group, also by way of others."""
    group_of: dict[str, list[Quote]] = {}
    groups: dict[int, list[Quote]] = {}
    for quote in quotes:
        joined = [quote]
        for other in {id(group_of[key]): group_of[key] for key in _keys(quote) if key in group_of}.values():
            joined += other
            groups.pop(id(other), None)
        groups[id(joined)] = joined
        for member in joined:
            for key in _keys(member):
                group_of[key] = joined
    return list(groups.values())


def _keys(quote: Quote) -> list[str]:
    """What other quotes of the same group have too; the id of one that shares nothing."""
    return [key for key in (quote.story and f"story {quote.story}", *_long(quote.statement)) if key] or [quote.id]


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
    return read_examples(path) if path.is_file() and path.stat().st_size else []


def _example(quote: Quote, weight: int) -> Example:
    statement = replace(quote.statement, speaker=quote.speaker)
    return Example(quote.id, statement, Stance(str(quote.label)), story=quote.story, weight=weight)


def _identity(statement: Statement) -> str:
    return quote_id(statement.text, statement.frame)


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
