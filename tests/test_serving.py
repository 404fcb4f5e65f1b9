"""The service as a process of its own, with the released model, spoken to over HTTP as its users do."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from huggingface_hub import InferenceClient

from tests.conftest import running_service
from training.examples import read_split

pytestmark = pytest.mark.model


def test_a_quote_gets_its_verdict(address: str) -> None:
    body = {
        "statements": [{"text": "baseless", "context": "The embassy called the claim “baseless”.", "speaker": "the embassy"}, "Send us more doctors, please."]
    }
    answer = httpx.post(f"{address}/v1/predict", json=body).json()
    assert answer["model"]
    assert [verdict["stance"] for verdict in answer["verdicts"]] == ["deny", "appeal"]
    for verdict in answer["verdicts"]:
        assert sum(verdict["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert verdict["probability"] == max(verdict["probabilities"].values())


def test_the_client_of_hugging_face_reads_the_answer(address: str) -> None:
    client = InferenceClient(model=f"{address}/predict", token="unused")  # noqa: S106 - the service asks for none
    elements = client.text_classification("We had no part in the robbery.", top_k=2)
    assert [element.label for element in elements][:1] == ["deny"]
    assert len(elements) == 2
    assert elements[0].score > elements[1].score


def test_the_same_statement_gets_the_same_answer_alone_in_a_batch_and_under_load(address: str) -> None:
    rows = [
        {"text": example.statement.text} | ({"context": example.statement.context} if example.statement.context else {}) for example in read_split("test")[:48]
    ]

    def ask(part: list[dict[str, str]]) -> list[str]:
        answer = httpx.post(f"{address}/v1/predict", json={"statements": part}, timeout=60)
        return [json.dumps(verdict) for verdict in answer.raise_for_status().json()["verdicts"]]

    alone = [ask([row])[0] for row in rows]
    assert ask(rows) == alone
    assert ask(rows[::-1]) == alone[::-1]
    with ThreadPoolExecutor(12) as pool:
        for found in pool.map(ask, [rows] * 12):
            assert found == alone


@pytest.mark.parametrize("text", ["🙂🙃", "אנחנו לא עשינו את זה", "Мы этого не делали.", "word " * 2_000, "a\u200db\ufeffc"])
def test_strange_texts_get_an_answer(address: str, text: str) -> None:
    answer = httpx.post(f"{address}/v1/predict", json={"statements": [text]})
    assert answer.status_code == 200
    assert answer.json()["verdicts"][0]["truncated"] == (len(text) > 1_000)


def test_the_example_of_the_api_docs_can_be_sent_as_it_stands(address: str) -> None:
    assert httpx.get(f"{address}/docs").is_success
    paths = httpx.get(f"{address}/openapi.json").json()
    for path in ("/v1/predict", "/predict"):
        reference = paths["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = paths["components"]["schemas"][reference.rsplit("/", 1)[1]]
        for example in schema["examples"]:
            assert httpx.post(address + path, json=example).status_code == 200


def test_the_service_imports_no_torch() -> None:
    code = "import sys, service.__main__, service.api.app, service.classifier; print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_port_in_use_is_said_in_one_line(address: str) -> None:
    port = address.rsplit(":", 1)[1]
    done = subprocess.run([sys.executable, "-m", "service", "serve", "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"{port}" in done.stderr
    assert "address already in use" in done.stderr
    assert done.stdout == "", "an address was printed that is somebody else's"
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_service_at_once() -> None:
    with running_service() as (process, _, log):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) in (0, 130, -signal.SIGINT)
        assert "Traceback" not in log.read_text(encoding="utf-8")
