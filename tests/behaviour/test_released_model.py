"""The released model passes as many behaviour cases of each group as the gate asks for, by the gate's own measure."""

from pathlib import Path

import pytest

from service.classifier import open_classifier
from training.behaviour import PassRate, pass_rates, read_cases
from training.gate import group_level, read_bars
from training.scores import most_rate

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def rates(released: Path) -> dict[str, PassRate]:
    return pass_rates(open_classifier(released), read_cases())


@pytest.mark.parametrize("group", sorted({case.group for case in read_cases()}))
def test_enough_cases_of_the_group_pass(rates: dict[str, PassRate], group: str) -> None:
    bar = read_bars().behaviour.least_rate[group.partition("-")[0]]
    assert most_rate(rates[group].rate, rates[group].n, group_level(len(rates))) >= bar, rates[group].failed
