"""The page of a service that wants keys: it asks for one, and then everything works as without."""

import pytest
from playwright.sync_api import Page, expect

from service.keys import Keys, Role
from tests.browser.conftest import Place
from tests.browser.test_read import ARTICLE

pytestmark = pytest.mark.browser


def give(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use it").click()


def test_a_page_asks_for_the_key_and_then_a_retraining_is_watched_to_its_end(page: Page, place: Place) -> None:
    key = place.add_key(Role.ADMIN)
    page.reload()
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_role("dialog", name="A key for this service")).to_contain_text("python -m service keys add")
    give(page, "onrecord_wrong")
    expect(page.get_by_role("dialog")).to_contain_text("none of this service's")
    give(page, key)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#served")).to_contain_text("first serves")
    page.get_by_label("What is new?").fill("idioms")
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#run")).to_contain_text("40 % done")
    place.stop()
    place.start()
    (place.runs.folder / "word").write_text("promoted", encoding="utf-8")
    expect(page.locator("#run")).to_contain_text("The new model serves")
    expect(page.locator("#served")).to_contain_text("better serves")
    page.reload()
    expect(page.locator("#served")).to_contain_text("better serves")
    page.get_by_role("link", name="What the labels mean").click()
    expect(page.locator("body")).to_contain_text("definition")


def test_a_key_whose_role_is_too_low_is_told_and_can_be_changed_and_labels_wait_for_it(page: Page, place: Place) -> None:
    low, high = place.add_key(Role.PREDICT), Keys(place.folder / "keys.json").add("high", Role.LABEL)
    page.get_by_label("Paste a news text").fill(ARTICLE)
    page.get_by_role("button", name="Read", exact=True).click()
    give(page, low)
    expect(page.locator("#read-status")).to_contain_text("4 statements")
    page.locator("#text mark.deny").click()
    page.keyboard.press("c")
    expect(page.locator("#outbox")).to_contain_text("1 label waits to be sent")
    expect(page.locator("#outbox")).to_contain_text("the role predict; wanted: the role label")
    page.get_by_role("button", name="Key …").click()
    page.wait_for_timeout(1_000)  # the service looks at the file of keys once a second
    give(page, high)
    expect(page.locator("#outbox")).to_be_hidden()
    assert place.quotes() == {"any role in the deal": "confirm"}
    page.get_by_role("button", name="Key …").click()
    page.get_by_role("button", name="Forget the key").click()
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_role("dialog", name="A key for this service")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#read-status")).to_contain_text("wanted: Bearer and a key of this service")


def test_the_api_docs_ask_for_the_key_too_and_send_it(page: Page, place: Place) -> None:
    key = place.add_key(Role.PREDICT)
    page.goto("/docs")
    give(page, key)
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    page.locator("#operations-about-labels_v1_labels_get").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
