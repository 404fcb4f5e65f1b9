"""python -m tests.bench.articles [FILE.jsonl]: words a second of reading articles, verdicts left out, on one core and on all of them.

FILE has one JSON object a line with `article`; without it the project's example article is read again and again. Each core is a process of its own, as
spaCy holds Python's lock while it parses.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from service.pool import available_cores
from service.statements.article import statements_in
from service.statements.passage import load_parser

_EXAMPLE = Path(__file__).parent.parent.parent / "data" / "example_article.txt"


def count(article: str) -> int:
    """How many statements are found."""
    return len(statements_in(article))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    options = parser.parse_args()
    if options.file:
        articles = [json.loads(line)["article"] for line in options.file.read_text(encoding="utf-8").splitlines()]
    else:
        articles = [_EXAMPLE.read_text(encoding="utf-8")] * 200
    n_words = sum(len(article.split()) for article in articles)
    load_parser()
    started = time.perf_counter()
    n_statements = sum(map(count, articles))
    seconds = time.perf_counter() - started
    sys.stdout.write(f"{len(articles)} articles, {n_words} words, {n_statements} statements\n")
    sys.stdout.write(f"one core: {n_words / seconds:.0f} words/s\n")
    with ProcessPoolExecutor(available_cores(), initializer=load_parser) as pool:
        list(pool.map(count, articles[: 4 * available_cores()]))
        started = time.perf_counter()
        list(pool.map(count, articles, chunksize=4))
        sys.stdout.write(f"{available_cores()} cores: {n_words / (time.perf_counter() - started):.0f} words/s\n")


if __name__ == "__main__":
    main()
