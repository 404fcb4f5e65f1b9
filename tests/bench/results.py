"""What was measured -> a table in Markdown, JSON, and a picture."""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from service.pool import available_cores
from tests.bench.bound import Bound, told
from tests.bench.load import Load, Measured

# Okabe and Ito's palette, as in training/pictures.py. What comes from a cache is not drawn: no forward pass bounds it.
_COLOURS = {
    "plain": "#BBBBBB",
    "batched": "#777777",
    "infinity-torch": "#F0E442",
    "infinity-onnx": "#E69F00",
    "litserve-torch": "#56B4E9",
    "litserve-onnx": "#0072B2",
    "on-record": "#009E73",
}


@dataclass
class Result:
    """Of one server. `measured` has a place for each load, in order, up to the one where it failed; `failed` says why, or is empty."""

    name: str
    what: str
    first_answer_seconds: float | None = None
    resident_bytes: float | None = None
    measured: list[Measured] = field(default_factory=list)
    failed: str = ""


@dataclass(frozen=True)
class Articles:
    """Whole articles read and judged by ours, of `mean_words`, while `n_connections` ask."""

    a_minute: float
    p50_seconds: float
    mean_words: float
    n_connections: int


@dataclass(frozen=True)
class Run:
    """All of a run; `seconds` is how long each server stood under each load."""

    loads: Sequence[Load]
    seconds: float
    bound: Bound
    results: Sequence[Result]
    articles: Articles | None


def write(run: Run, folder: Path) -> str:
    """Writes http.json, http.md and http.png into `folder`; returns the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"processor": _processor(), "cores": available_cores(), "python": platform.python_version()}
    (folder / "http.json").write_text(json.dumps({"machine": machine} | asdict(run), indent=2) + "\n", encoding="utf-8")
    text = _markdown(run, f"{machine['cores']} cores of {machine['processor']}")
    (folder / "http.md").write_text(text, encoding="utf-8")
    draw(run, folder / "http.png")
    return text


def draw(run: Run, path: Path) -> None:
    """A panel for each number of connections: statements a second by texts a request, a bar for each server; above them, the bound."""
    mpl.use("Agg")  # no screen needed
    connections = sorted({load.n_connections for load in run.loads})
    shown = [result for result in run.results if result.measured and result.name in _COLOURS]
    figure = Figure(figsize=(4.2 * len(connections), 4.6), layout="constrained")
    panels = figure.subplots(1, len(connections), sharey=True, squeeze=False)[0]
    for panel, n_connections in zip(panels, connections, strict=True):
        places = [place for place, load in enumerate(run.loads) if load.n_connections == n_connections]
        for number, result in enumerate(shown):
            rates = [result.measured[place].texts_a_second if place < len(result.measured) else 0 for place in places]
            offset = (number - (len(shown) - 1) / 2) / (len(shown) + 1)
            panel.bar([group + offset for group in range(len(places))], rates, 1 / (len(shown) + 1), color=_COLOURS[result.name], label=result.name)
        panel.set_xticks(range(len(places)), [str(run.loads[place].n_texts) for place in places])
        panel.set_xlabel("statements a request")
        panel.set_title(f"{n_connections} connection{'s' if n_connections > 1 else ''}", loc="left", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("statements/s")
    # Not a line: it is so high above that the bars could not be told apart.
    figure.suptitle(f"At best, the int8 instructions of this processor would allow {run.bound.texts_a_second:.0f} statements/s", x=0.01, ha="left", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def _markdown(run: Run, machine: str) -> str:
    best = max((result.texts_a_second for found in run.results if found.name == "on-record" for result in found.measured), default=None)
    share = f" On Record reaches {best / run.bound.texts_a_second:.0%} of it ({best:.0f})." if best else ""
    client = max((measured.client_share for found in run.results for measured in found.measured if found.name != "on-record-cached"), default=0)
    lines = [
        f"{machine}, the clients included; {run.seconds:g} s for each load. "
        "Nothing was refused: On Record ran with ONRECORD_MOST_WAIT_MS=3600000. "
        f"The clients took at most {client:.0%} of a core (but for on-record-cached).",
        "",
        f"{told(run.bound)}{share}",
        "",
        "Statements/s, by statements a request x connections:",
        "",
        *_table(run, "first answer s | resident MB", _start, lambda measured: f"{measured.texts_a_second:.0f}"),
        "",
        "Milliseconds to an answer, p50 / p99:",
        "",
        *_table(run, "what it is", lambda result: result.what, lambda measured: f"{1e3 * measured.p50_seconds:.3g} / {1e3 * measured.p99_seconds:.3g}"),
    ]
    failures = [f"- {result.name} ({result.what}): {result.failed}" for result in run.results if result.failed]
    if failures:
        lines += ["", "Not measured, or not to the end:", "", *failures]
    if run.articles:
        made = run.articles
        size = f"articles of {made.mean_words:.0f} words, {made.n_connections} connections, p50 {made.p50_seconds:.2f} s"
        lines += ["", f"On Record reads and judges {made.a_minute:.0f} articles a minute ({size})."]
    return "\n".join(lines) + "\n"


def _table(run: Run, heads: str, cells: Callable[[Result], str], figure: Callable[[Measured], str]) -> list[str]:
    columns = [str(load) for load in run.loads]
    lines = [f"| server | {heads} | {' | '.join(columns)} |", "| --- " * (1 + len(heads.split("|")) + len(columns)) + "|"]
    for result in run.results:
        figures = [figure(measured) for measured in result.measured] + ["-"] * (len(columns) - len(result.measured))
        lines.append(f"| {result.name} | {cells(result)} | {' | '.join(figures)} |")
    return lines


def _start(result: Result) -> str:
    if result.first_answer_seconds is None or result.resident_bytes is None:
        return "- | -"
    return f"{result.first_answer_seconds:.1f} | {result.resident_bytes / 1e6:.0f}"


def _processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor() or "an unknown processor")
