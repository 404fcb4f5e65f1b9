"""The ONNX network answers each statement alone, and says what it cut off. Run on a toy model."""

from pathlib import Path

import numpy as np
import pytest

from service.errors import InvalidModelFolder
from service.model_folder import write_card
from service.network import OnnxNetwork
from service.statements.statement import Statement
from tests.fakes import BIAS, CUES, MAX_WORDS, by_rule, card, toy_network, write_files, write_toy_model

STATEMENTS = [
    *(Statement(f"Number {number}: it is {cue}.") for number in range(30) for cue in CUES),
    Statement("any role", "The group denied any role."),
    Statement("denied", "denied"),
    Statement("👩‍🚒"),
    Statement("Мы отрицаем это."),
]


@pytest.fixture
def network(tmp_path: Path) -> OnnxNetwork:
    return OnnxNetwork(write_toy_model(tmp_path))


def test_logits_are_those_of_the_statement(network: OnnxNetwork) -> None:
    for statement in STATEMENTS:
        output = network.run(statement)
        assert output.logits.dtype == np.float32
        np.testing.assert_array_equal(output.logits, by_rule(statement).logits)
        assert not output.truncated


def test_what_is_cut_off_is_told(network: OnnxNetwork) -> None:
    fits, longer = Statement("word " * MAX_WORDS), Statement("word " * MAX_WORDS + "denied")
    long_context, long_lead = Statement("no", "word " * MAX_WORDS), Statement("denied", "word " * 500 + "denied it")
    assert [network.run(statement).truncated for statement in (fits, longer, long_context, long_lead)] == [False, True, True, True]
    np.testing.assert_array_equal(network.run(longer).logits, BIAS)


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path, network=toy_network())
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidModelFolder, match=r"tokenizer\.json: it is no tokenizer"):
        OnnxNetwork(write_card(tmp_path, card()))
