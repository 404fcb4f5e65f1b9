"""Figures -> `report.html`, one page that needs nothing beside it; its plots are SVG of our own, so that no plotting library is needed for them."""

from collections.abc import Iterator
from html import escape

from service.archive.figures import Counts, Figures, figures_of, most
from service.archive.finish import REJECTED
from service.archive.place import Folder
from service.archive.plan import Plan
from service.stance import STANCES

REPORT = "report.html"
_NAMES = 20  # speakers or sources in a plot
# The hues of the page, from Okabe and Ito's palette.
_COLOURS = {"confirm": "#009E73", "deny": "#D55E00", "threat": "#E69F00", "appeal": "#0072B2", "other": "#BBBBBB"}
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top } td.n, th.n { text-align: right }
figure { margin: 0; overflow-x: auto } svg { width: 100%; min-width: 48rem; height: auto } svg text { font: 12px system-ui, sans-serif; fill: currentColor }
i { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em } q { quotes: none }
"""


def write_report(out: Folder, plan: Plan) -> None:
    """Looks at all verdicts once."""
    page = page_of(figures_of(out, plan), plan, has_rejected=out.read(REJECTED) is not None)
    with out.writing(REPORT) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def page_of(figures: Figures, plan: Plan, *, has_rejected: bool) -> str:
    """The whole page."""
    return "\n".join(["<!doctype html>", '<html lang="en">', *_parts(figures, plan, has_rejected), "</html>", ""])


def _parts(figures: Figures, plan: Plan, has_rejected: bool) -> Iterator[str]:
    n = figures.stances.total()
    yield f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>On Record: {n:,} statements</title><style>{_STYLE}</style>'
    files = f"{len(plan.sources):,} file{'s' * (len(plan.sources) != 1)}"
    yield f"<h1>{n:,} statements</h1><p>From {files}, read by the model {escape(plan.model)} ({plan.model_digest[:12]})."
    yield f"Rows that could not be read stand in <code>{REJECTED}</code>.</p>" if has_rejected else "Every row could be read.</p>"
    yield f"<h2>Stances</h2>{_stances(figures)}"
    yield "<p>" + "".join(f'<i style="background:{colour}"></i>{stance}' for stance, colour in _COLOURS.items()) + "</p>"
    if figures.days:
        yield f"<h2>Over time</h2><figure>{_columns(figures.over_time())}</figure>"
    for title, counts in (("speaker", figures.speakers), ("source", figures.sources)):
        if counts:
            yield f"<h2>By {title}</h2><figure>{_bars(most(counts, _NAMES))}</figure>"
    yield "<h2>Most certain</h2>"
    for stance, examples in figures.examples.items():
        if examples:
            yield f"<h3>{stance}</h3><table>"
            for example in sorted(examples, reverse=True):
                said = escape(", ".join(filter(None, (example.speaker, example.source))))
                yield f'<tr><td class="n">{example.probability:.3f}<td><q>{escape(example.text[:400])}</q><td>{said}</tr>'
            yield "</table>"


def _stances(figures: Figures) -> str:
    n = max(1, figures.stances.total())
    rows = [(str(stance), figures.stances[stance], figures.uncertain[stance]) for stance in STANCES]
    rows.append(("all", figures.stances.total(), figures.uncertain.total()))
    cell = '<td class="n">'
    cells = "".join(f"<tr><td>{name}{cell}{count:,}{cell}{count / n:.1%}{cell}{unsure / max(1, count):.1%}</tr>" for name, count, unsure in rows)
    return f'<table><tr><th>stance<th class="n">statements<th class="n">share<th class="n">uncertain</tr>{cells}</table>'


def _columns(counts: Counts) -> str:
    """Upright bars, a time each, the acts below and what is none of them on top."""
    highest = max(found.total() for found in counts.values())
    width, height = 900 / len(counts), 240
    parts = [f'<svg viewBox="0 0 960 300" role="img" aria-label="Statements by stance over time"><text x="0" y="12">{highest:,}</text>']
    for number, (name, found) in enumerate(counts.items()):
        top = 260.0
        for stance, colour in _COLOURS.items():
            size = height * found[stance] / highest
            top -= size
            place = f'x="{50 + number * width:.1f}" y="{top:.1f}" width="{width * 0.9:.1f}" height="{size:.1f}"'
            parts.append(f'<rect {place} fill="{colour}"><title>{escape(name)}: {found[stance]:,} {stance}</title></rect>')
        if number % max(1, len(counts) // 8) == 0:
            parts.append(f'<text x="{50 + number * width:.1f}" y="280">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def _bars(counts: Counts) -> str:
    """Lying bars, a name each."""
    highest = max(found.total() for found in counts.values())
    parts = [f'<svg viewBox="0 0 960 {len(counts) * 24 + 4}" role="img" aria-label="Statements by stance and name">']
    for number, (name, found) in enumerate(counts.items()):
        left, y = 260.0, number * 24
        parts.append(f'<text x="250" y="{y + 16}" text-anchor="end">{escape(name[:40])}</text>')
        for stance, colour in _COLOURS.items():
            size = 620 * found[stance] / highest
            place = f'x="{left:.1f}" y="{y + 2}" width="{size:.1f}" height="18"'
            parts.append(f'<rect {place} fill="{colour}"><title>{escape(name)}: {found[stance]:,} {stance}</title></rect>')
            left += size
        parts.append(f'<text x="{left + 6:.1f}" y="{y + 16}">{found.total():,}</text>')
    return "".join([*parts, "</svg>"])
