"""The ONNX network answers each statement alone, in order, from several threads, and says when it no longer can. Run on a toy model."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidModelFolder, NotReady
from service.model_folder import write_card
from service.network import OnnxNetwork
from service.stance import STANCES
from service.statements.statement import Statement
from tests.fakes import BIAS, CUES, MAX_WORDS, FakeNetwork, card, toy_network, write_files, write_toy_model

STATEMENTS = [
    *(Statement(f"Number {number}: it is {cue}.") for number in range(30) for cue in CUES),
    Statement("any role", "The group denied any role."),
    Statement("denied", "denied"),
    Statement("👩‍🚒"),
    Statement("Мы отрицаем это."),
]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[OnnxNetwork]:
    network = OnnxNetwork(write_toy_model(tmp_path), n_threads=2)
    yield network
    network.close()


def test_logits_come_in_the_order_of_the_statements(network: OnnxNetwork) -> None:
    output, expected = network.run(STATEMENTS), FakeNetwork().run(STATEMENTS)
    assert output.logits.dtype == np.float32
    np.testing.assert_array_equal(output.logits, expected.logits)
    assert not output.truncated.any()


def test_callers_in_several_threads_each_get_their_own_answers(network: OnnxNetwork) -> None:
    shares = [STATEMENTS[start::8] for start in range(8)] * 5
    with ThreadPoolExecutor(8) as callers:
        outputs = list(callers.map(network.run, shares))
    for share, output in zip(shares, outputs, strict=True):
        np.testing.assert_array_equal(output.logits, FakeNetwork().run(share).logits)


def test_no_statements_give_an_empty_table(network: OnnxNetwork) -> None:
    output = network.run([])
    assert (output.logits.shape, output.truncated.shape) == ((0, len(STANCES)), (0,))


def test_what_is_cut_off_is_told(network: OnnxNetwork) -> None:
    fits, longer = Statement("word " * MAX_WORDS), Statement("word " * MAX_WORDS + "denied")
    long_context, long_lead = Statement("no", "word " * MAX_WORDS), Statement("denied", "word " * 500 + "denied it")
    output = network.run([fits, longer, long_context, long_lead])
    assert output.truncated.tolist() == [False, True, True, True]
    np.testing.assert_array_equal(output.logits[1], BIAS)


def test_a_closed_network_says_that_it_cannot_answer(tmp_path: Path) -> None:
    network = OnnxNetwork(write_toy_model(tmp_path), n_threads=2)
    assert network.is_alive()
    network.close()
    assert not network.is_alive()
    with pytest.raises(NotReady, match="restart the service"):
        network.run(STATEMENTS[:1])


class FragileNetwork(OnnxNetwork):
    """The statement "end" ends the thread that reads it."""

    def _run_one(self, session: Any, statement: Statement) -> Any:
        if statement.text == "end":
            raise SystemExit
        return super()._run_one(session, statement)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_tells_its_caller_and_everybody_else(tmp_path: Path) -> None:
    network = FragileNetwork(write_toy_model(tmp_path), n_threads=2)
    with pytest.raises(NotReady, match="thread has ended"):
        network.run([Statement("end")])
    network._threads[0].join(timeout=0.1)
    assert not network.is_alive()
    network.close()


def test_nobody_waits_for_a_thread_that_is_gone(tmp_path: Path) -> None:
    network = OnnxNetwork(write_toy_model(tmp_path), n_threads=2)
    network._jobs.put(None)  # ends one of the two
    while network.is_alive():
        network._threads[0].join(timeout=0.01)
        network._threads[1].join(timeout=0.01)
    with pytest.raises(NotReady, match="threads are gone"):
        network._wait(Future())
    network.close()


def test_a_statement_that_fails_fails_alone(tmp_path: Path) -> None:
    """The tokenizer of this folder knows a word that the network has no row for."""
    write_files(tmp_path, network=toy_network())
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8").replace('"[UNK]":0', '"[UNK]":0,"poison":99'), encoding="utf-8")
    network = OnnxNetwork(write_card(tmp_path, card()), n_threads=1)
    with pytest.raises(Exception, match="out of"):
        network.run([Statement("poison")])
    assert network.is_alive()
    assert network.run([Statement("They denied it.")]).logits.argmax() == STANCES.index(CUES["denied"])
    network.close()


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, network=toy_network())
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidModelFolder, match=r"tokenizer\.json: it is no tokenizer"):
        OnnxNetwork(write_card(tmp_path, card()), n_threads=1)
