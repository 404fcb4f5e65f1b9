"""The model's results, its history, and a retraining that is watched to its end."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Place
from tests.browser.test_read import read
from tests.browser.test_review import send

pytestmark = pytest.mark.browser


def begin(page: Page) -> None:
    send(page, "anna", One_thing="deny", Another_thing="deny", A_third="other")
    page.get_by_role("link", name="Model").click()
    expect(page.locator("#learn")).to_contain_text("3 agreed labels")
    page.get_by_label("What is new?").fill("idioms")
    page.get_by_role("button", name="Retrain").click()


def test_results_and_what_the_model_said_are_drawn(page: Page) -> None:
    read(page)
    page.get_by_role("link", name="Model").click()
    expect(page.locator("#served")).to_contain_text("first serves. Macro-F1 0.813 (0.790 to 0.830) on 400 held-out quotes")
    expect(page.locator("#served svg")).to_have_count(3)
    expect(page.locator("#drift svg rect")).to_have_count(5)
    page.get_by_text("As a table").click()
    expect(page.locator("#drift td")).to_have_text(["0", "1", "1", "1", "1"])
    expect(page.locator("#models tr")).to_have_count(3)


def test_a_retraining_is_watched_to_the_promotion_and_rolled_back(page: Page, place: Place) -> None:
    begin(page)
    expect(page.locator("#run li[aria-current]")).to_have_text("learn")
    expect(page.locator("#run")).to_contain_text("40 % done")
    expect(page.locator("#run")).to_contain_text("3 labels taught, 1 kept aside")
    expect(page.locator("#run svg path.line")).to_be_visible()
    page.get_by_text("What it prints").click()
    expect(page.locator("#run pre")).to_contain_text("fine-tuning: 40%")
    (place.runs.folder / "word").write_text("promoted", encoding="utf-8")
    expect(page.locator("#run")).to_contain_text("The new model serves")
    expect(page.locator("#served")).to_contain_text("better serves")
    expect(page.locator("#models")).to_contain_text("by anonymous: idioms")
    page.get_by_role("button", name="Roll back to it").click()
    page.get_by_label("Why?").fill("too many denials")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#served")).to_contain_text("first serves")
    expect(page.locator("#models")).to_contain_text("Brought back")
    assert place.registry.served_name() == "released"


def test_the_gates_sentences_are_read_where_it_refuses(page: Page, place: Place) -> None:
    begin(page)
    expect(page.locator("#run")).to_contain_text("40 % done")
    (place.runs.folder / "word").write_text("refused", encoding="utf-8")
    expect(page.locator("#run")).to_contain_text("The gate refused the new model")
    expect(page.locator("#run")).to_contain_text("Macro-F1 is 0.500, 0.300 under the bar of 0.800.")
    expect(page.locator("#served")).to_contain_text("first serves")


def test_a_retraining_goes_on_being_watched_after_a_reload_and_a_second_one_is_refused(page: Page, place: Place) -> None:
    begin(page)
    expect(page.locator("#run")).to_contain_text("40 % done")
    page.reload()
    expect(page.locator("#run")).to_contain_text("40 % done")
    page.get_by_label("What is new?").fill("more idioms")
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#learn [role=alert]")).to_contain_text("runs already")
    (place.runs.folder / "word").write_text("passed", encoding="utf-8")
    expect(page.locator("#run")).to_contain_text("it may be promoted")


def test_a_model_is_let_serve_in_spite_of_the_gate_and_that_is_kept(page: Page, place: Place) -> None:
    place.registry.keep_gate_verdict("better", ["Macro-F1 is 0.500."], beside="released")
    page.get_by_role("link", name="Model").click()
    page.get_by_text("The gate refused it").click()
    expect(page.locator("#models")).to_contain_text("Macro-F1 is 0.500.")
    page.get_by_role("button", name="Promote all the same").click()
    page.get_by_label("Why?").fill("a test")
    page.get_by_role("button", name="Cancel").click()
    assert place.registry.served_name() == "released"
    page.get_by_role("button", name="Promote all the same").click()
    page.get_by_label("Why?").fill("a test")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#models")).to_contain_text("Promoted in spite of the gate")
    assert place.registry.served_name() == "better"
