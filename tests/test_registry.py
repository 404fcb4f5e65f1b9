"""Which model serves, which did before, and who said so; a crash or a bad folder changes nothing."""

import multiprocessing
from itertools import pairwise
from pathlib import Path

import pytest

from service.errors import GateRefused, InvalidInput, InvalidModelFolder, NotFound
from service.model_folder import SERVED
from service.registry import HISTORY, Registry
from tests.fakes import write_files, write_model_folder

NAMES = ("released", "one", "two", "three")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    for day, name in enumerate(NAMES):
        write_model_folder(tmp_path / name, name=name, created=f"2026-01-0{day + 1}T00:00:00+00:00")
    return Registry(tmp_path)


def promote(registry: Registry, *names: str) -> None:
    for name in names:
        registry.promote(name, by="anna", reason="better")


def test_the_released_model_serves_until_another_is_promoted(registry: Registry) -> None:
    assert registry.served_name() == "released"
    promotion = registry.promote("one", by="anna", reason="better")
    assert (promotion.model, promotion.former, promotion.kind, promotion.forced) == ("one", "released", "promotion", False)
    assert registry.served_name() == "one"
    assert registry.history() == [promotion]


def test_a_rollback_goes_back_step_by_step_or_to_any_that_served(registry: Registry) -> None:
    promote(registry, "one", "two")
    assert registry.rollback(by="ben", reason="worse").model == "one"
    assert registry.rollback(by="ben", reason="worse").model == "released"
    assert registry.rollback("two", by="ben", reason="it was the best").kind == "rollback"
    assert registry.served_name() == "two"


@pytest.mark.parametrize("name", ["three", "absent", "../one", None])
def test_a_rollback_to_what_never_served_is_refused(name: str | None, registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="served before"):
        registry.rollback(name, by="ben", reason="?")
    assert registry.served_name() == "released"


@pytest.mark.parametrize("name", ["absent", "", ".", "..", "../one", ".hidden", "one\x00"])
def test_what_is_no_model_of_ours_cannot_be_promoted(name: str, registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.promote(name, by="anna", reason="?")
    assert (registry.served_name(), registry.history()) == ("released", [])


def test_a_damaged_model_cannot_be_promoted_or_gone_back_to(registry: Registry) -> None:
    promote(registry, "one", "two")
    (registry.models / "one" / "config.json").write_text("{}")
    with pytest.raises(InvalidModelFolder, match="SHA-256"):
        registry.rollback(by="ben", reason="worse")
    assert registry.served_name() == "two"


def test_the_gate_decides_unless_it_is_overruled(registry: Registry) -> None:
    with pytest.raises(GateRefused, match="has not seen"):
        registry.promote_gated("one", by="anna", reason="new")
    registry.keep_gate_verdict("one", ["F1 of deny is 0.700, 0.120 under the bar of 0.820."], beside="released")
    with pytest.raises(GateRefused, match="under the bar"):
        registry.promote_gated("one", by="anna", reason="new")
    registry.keep_gate_verdict("two", [], beside="released")
    promote(registry, "three")
    with pytest.raises(GateRefused, match="three serves now"):
        registry.promote_gated("two", by="anna", reason="new")
    registry.keep_gate_verdict("two", [], beside="three")
    assert registry.promote_gated("two", by="anna", reason="new").former == "three"
    registry.keep_gate_verdict("one", ["F1 of deny …"], beside="two")
    forced = registry.promote("one", by="chief", reason="election night", forced=True)
    assert registry.history()[-1] == forced
    assert (forced.forced, forced.sentences) == (True, ("F1 of deny …",))


def test_a_gate_verdict_leaves_the_model_as_it_is(registry: Registry) -> None:
    registry.keep_gate_verdict("one", [], beside="released")
    assert registry.open("one").card.name == "one"


def test_the_list_shows_every_model_and_what_is_wrong_with_it(registry: Registry) -> None:
    promote(registry, "one")
    write_files(registry.models / "broken")
    (registry.models / ".building-1-x").mkdir()
    listed = {model.name: model for model in registry.listed()}
    assert [model.name for model in registry.listed()] == ["three", "two", "one", "released", "broken"]
    assert listed["one"].is_served
    assert [promotion.by for promotion in listed["one"].promotions] == ["anna"]
    assert listed["broken"].problem is not None
    assert listed["two"].card is not None


def test_old_models_are_removed_but_never_one_that_is_needed(registry: Registry) -> None:
    promote(registry, "one", "two")
    for day in range(5, 9):
        write_model_folder(registry.models / f"retrain-{day}", name=f"retrain-{day}", created=f"2026-01-0{day}T00:00:00+00:00")
    promote(registry, "retrain-5", "retrain-6")
    assert registry.prune(1) == ["retrain-7"]
    assert registry.prune(0) == ["retrain-8"]
    promote(registry, "one", "two")
    assert registry.prune(0) == ["retrain-6", "retrain-5"]
    assert {model.name for model in registry.listed()} == set(NAMES)


def test_which_models_are_the_newest_does_not_hang_on_a_clock_that_was_set_back(registry: Registry) -> None:
    for name, created in (("retrain-20260101-1", "2031-01-01T00:00:00+00:00"), ("retrain-20260101-2", "2026-01-01T00:00:00+00:00")):
        write_model_folder(registry.models / name, name=name, created=created)
    assert registry.prune(1) == ["retrain-20260101-1"]


def test_a_history_that_a_crash_left_half_written_is_read_as_far_as_it_goes(registry: Registry) -> None:
    promote(registry, "one")
    with (registry.models / HISTORY).open("a") as out:
        out.write('{"model": "two", "form')
    assert [promotion.model for promotion in registry.history()] == ["one"]
    promote(registry, "two")
    assert [promotion.model for promotion in registry.history()] == ["one", "two"]
    assert registry.served_name() == "two"


def test_a_registry_without_models_lists_the_one_that_is_missing(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")
    (missing,) = registry.listed()
    assert (missing.name, missing.is_served, missing.card) == ("released", True, None)
    assert "there is no such folder" in str(missing.problem)
    assert (registry.history(), registry.mark()) == ([], None)


def test_a_served_file_that_is_no_name_is_said_so(registry: Registry) -> None:
    (registry.models / SERVED).write_text("a/b")
    with pytest.raises(InvalidModelFolder, match="remove the file"):
        registry.listed()


def _promote_often(models: Path, name: str) -> None:
    for _ in range(20):
        Registry(models).promote(name, by=name, reason="mine")


def test_processes_that_promote_at_once_write_one_history(registry: Registry) -> None:
    workers = [multiprocessing.get_context("spawn").Process(target=_promote_often, args=(registry.models, name)) for name in NAMES[1:]]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    history = registry.history()
    assert len(history) == 60
    assert all(after.former == before.model for before, after in pairwise(history)), "one did not know of another"
    assert registry.served_name() == history[-1].model
