"""python -m tests.bench.http: statements a second and latency over HTTP, of On Record beside four other ways to serve such a model, in one run.

Each server runs alone, on all cores, in processes of its own; the clients share those cores (tests/bench/servers.py says which servers and how they are set
up, load.py how they are asked, bound.py what the processor could do at best). Rivals are installed into build/bench/venvs on first use; one that cannot be
installed or started stands in the table with the reason. The table, the figures as JSON, a picture and the servers' logs go to build/bench.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.settings import EXAMPLE, MODELS
from tests.bench.bound import bound_of
from tests.bench.load import Load, bodies_of, measure
from tests.bench.results import Articles, Result, Run, draw, write
from tests.bench.servers import BUILT, NotRunning, Server, model_folders, python_of, running, servers
from training.examples import read_split

LOADS = tuple(Load(n_texts, n_connections) for n_connections in (1, 8, 64) for n_texts in (1, 8, 64))
_WARM_UP = Load(8, 2)
_ARTICLES = Load(1, 8)
Step = Callable[[str], None]


def load_of(text: str) -> Load:
    n_texts, _, n_connections = text.partition("x")
    return Load(int(n_texts), int(n_connections))


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODELS / "released", help="model folder (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each server and load (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(servers()), metavar="NAME", default=list(servers()), help=f"some of {', '.join(servers())}")
    parser.add_argument("--loads", nargs="+", type=load_of, default=LOADS, metavar="TEXTSxCONNECTIONS", help="instead of 1, 8, 64 by 1, 8, 64")
    parser.add_argument("--articles", type=Path, metavar="FILE", help="JSON Lines with `article`, instead of the project's example article")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="another place for the picture: the README's is tests/bench/http.png")
    return parser.parse_args(arguments)


def main() -> None:
    options = options_of()
    texts = [example.statement.text for example in read_split("test")]
    random.Random(0).shuffle(texts)  # noqa: S311 - so that the first hundred are as long as all of them
    chosen = [server for name, server in servers().items() if name in options.only]
    with progress(3 + len(chosen) * (3 + len(options.loads))) as step, tempfile.TemporaryDirectory() as made:
        step("models of the same form for torch and ONNX")
        model_folders(options.model, Path(made))
        step("the bound of this processor")
        bound = bound_of(options.model, texts)
        results = [result_of(server, options, texts, Path(made), step) for server in chosen]
        articles = articles_of(servers()["on-record"], options, Path(made), step) if "on-record" in options.only else None
    run = Run(options.loads, options.seconds, bound, results, articles)
    sys.stdout.write(write(run, BUILT))
    if options.picture:
        draw(run, options.picture)


@contextmanager
def progress(n_steps: int) -> Iterator[Step]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Drawn at each step only: a thread that draws ten times a second would be what is slowest of a hundred answers.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=n_steps)
        begun = False

        def step(description: str) -> None:
            """Ends the step before and begins this one."""
            nonlocal begun
            bar.update(task, advance=1 if begun else 0, description=description, refresh=True)
            begun = True

        yield step
        bar.update(task, completed=n_steps, refresh=True)


def result_of(server: Server, options: argparse.Namespace, texts: Sequence[str], made: Path, step: Step) -> Result:
    result = Result(server.name, server.what)
    try:
        step(f"{server.name}: installing" if server.requirements else server.name)
        python_of(server)
        step(f"{server.name}: starting")
        with running(server, options.model, made) as at:
            result.first_answer_seconds = at.first_answer_seconds
            url = at.address + server.path
            step(f"{server.name}: warming up")
            everything = bodies_of(texts, _WARM_UP.n_texts, server.key)
            measure(url, everything, _WARM_UP, 2.0, least=len(everything) if server.name == "on-record-cached" else 0)
            for load in options.loads:
                step(f"{server.name}: {load}")
                result.measured.append(measure(url, bodies_of(texts, load.n_texts, server.key), load, options.seconds))
                result.resident_bytes = max(result.resident_bytes or 0, at.resident_bytes())
    except NotRunning as error:
        result.failed = str(error)
    return result


def articles_of(server: Server, options: argparse.Namespace, made: Path, step: Step) -> Articles | None:
    """None where it does not run, which its own row has told then."""
    step("articles")
    if options.articles:
        articles = [json.loads(line)["article"] for line in options.articles.read_text(encoding="utf-8").splitlines()]
    else:
        articles = [EXAMPLE.read_text(encoding="utf-8")]
    bodies = [json.dumps({"article": article}).encode() for article in articles]
    try:
        with running(server, options.model, made) as at:
            measure(f"{at.address}/v1/articles", bodies, _ARTICLES, 2.0)
            measured = measure(f"{at.address}/v1/articles", bodies, _ARTICLES, options.seconds)
    except NotRunning:
        return None
    words = statistics.mean(len(article.split()) for article in articles)
    return Articles(60 * measured.texts_a_second, measured.p50_seconds, words, _ARTICLES.n_connections)


if __name__ == "__main__":
    main()
