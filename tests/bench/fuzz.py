"""python -m tests.bench.fuzz --seconds 60: bytes that libFuzzer makes up, guided by which code they reach, into whatever reads what strangers send.

Needs atheris (`pip install --constraint constraints.txt -e '.[fuzz]'`; Linux and CPython only). What it learns stays in build/fuzz/corpus and is gone on with;
bytes that end in a fault stay in build/fuzz and can be given again: `python -m tests.bench.fuzz build/fuzz/crash-…`.
"""

import argparse
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["service"]):
    from fastapi.testclient import TestClient

    from service.documents import read_document
    from service.errors import InvalidInput
    from service.retrains import Runs
    from service.settings import EXAMPLE, Settings
    from tests.fakes import fake_client

_FOLDER = Path(__file__).parent.parent.parent / "build" / "fuzz"
_JSON = ("/v1/predict", "/v1/articles", "/predict", "/v1/quotes", "/v1/retrains", "/v1/models/rollback")
_FORMATS = ("jsonl", "csv", "datasets", "label-studio", "prodigy")
_SEEDS = (
    b'\x00{"statements": ["They denied it.", {"text": "any role", "context": "He denied any role.", "speaker": "He"}]}',
    '\x01{"article": "“No,” said Ana Ruiz. She denied it.", "title": "No"}'.encode(),
    b'\x02{"inputs": ["They denied it."], "parameters": {"top_k": 2}}',
    b'\x03{"text": "They denied it.", "label": "deny", "labeller": "anna", "verdict": {"model": "a", "stance": "deny", "probability": 1}}',
    b'\x04{"by": "anna", "reason": "strike news", "promote": false}',
    b'\x05{"by": "anna", "reason": "worse", "to": "released"}',
    b'\x06{"text": "a", "history": [{"kind": "label", "label": "deny", "by": "anna", "at": "2026-01-01T00:00:00Z"}]}',
    b"\x07text,label,by\na,deny,anna\n",
    b'\x09[{"data": {"text": "a"}, "annotations": [{"result": [{"type": "choices", "value": {"choices": ["deny"]}}], "completed_by": 1}]}]',
    b'\x0a{"text": "a", "answer": "accept", "accept": ["deny"], "_timestamp": 1700000000}',
    b"\x0b" + EXAMPLE.read_bytes(),
    b"\x0b<html><body><p>They denied it, he said.</p></body></html>",
)


def reads(client: TestClient, data: bytes) -> None:
    """Raises where the answer is a fault of ours; the first byte chooses who is to read the others."""
    place, body = (data[0] if data else 0) % (len(_JSON) + len(_FORMATS) + 1), data[1:]
    if place < len(_JSON):
        answer: Any = client.post(_JSON[place], content=body, headers={"Content-Type": "application/json"})
    elif place < len(_JSON) + len(_FORMATS):
        answer = client.post("/v1/quotes/import", params={"format": _FORMATS[place - len(_JSON)], "labeller": "anna"}, content=body)
    else:
        with suppress(InvalidInput):
            read_document(body)
        return
    if answer.status_code >= 500 or (answer.is_error and answer.headers["content-type"] != "application/problem+json"):
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="(%(default)s)")
    parser.add_argument("again", nargs="*", help="files of bytes, each of which is read once")
    options = parser.parse_args()
    corpus = _FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(_SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    folder = Path(tempfile.mkdtemp())  # libFuzzer ends the process itself: nothing after it is reached
    client = fake_client(settings=Settings(labels=f"sqlite:///{folder}/labels.db", models=folder / "models"))
    client.app.state.runs = Runs(folder / "retrains", [sys.executable, "-c", ""])  # type: ignore[attr-defined]
    arguments = options.again or [str(corpus), f"-max_total_time={options.seconds}"]
    atheris.Setup([sys.argv[0], f"-artifact_prefix={_FOLDER}/", "-timeout=60", "-rss_limit_mb=4096", *arguments], lambda data: reads(client, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
