"""The page when the service is gone, slow or overloaded: nothing is lost, and it says so."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Place
from tests.browser.test_read import ARTICLE, item, read

pytestmark = pytest.mark.browser


def test_labels_outlive_a_service_that_is_gone_and_a_page_that_is_closed(page: Page, place: Place) -> None:
    read(page)
    page.locator("#text mark.deny").click()
    place.stop()
    page.keyboard.press("c")
    expect(page.locator("#trouble")).to_contain_text("does not answer")
    expect(page.locator("#outbox")).to_contain_text("1 label waits to be sent")
    expect(page.locator("#text mark.confirm")).to_have_text("any role in the deal")  # it is as the reader said all the same
    place.start()
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#outbox")).to_be_hidden()
    assert place.quotes() == {"any role in the deal": "confirm"}
    page.context.route("**/v1/quotes", lambda route: route.abort())
    item(page, "any role in the deal").get_by_role("button", name="threat").click()
    expect(page.locator("#outbox")).to_contain_text("1 label waits")
    page.context.unroute("**/v1/quotes")
    page.reload()
    expect(page.locator("#outbox")).to_be_hidden()
    assert place.quotes() == {"any role in the deal": "threat"}


def test_an_article_is_read_as_soon_as_the_service_is_back(page: Page, place: Place) -> None:
    place.stop()
    page.get_by_label("Paste a news text").fill(ARTICLE)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).to_contain_text("as soon as it does")
    place.start()
    expect(page.locator("#read-status")).to_contain_text("4 statements")


def test_a_draft_is_still_there_after_a_reload(page: Page) -> None:
    page.get_by_label("Paste a news text").press_sequentially("Ana Ruiz denied it.")
    page.reload()
    expect(page.get_by_label("Paste a news text")).to_have_value("Ana Ruiz denied it.")


def test_a_busy_service_is_asked_again_when_it_says(page: Page) -> None:
    asked = []

    def busy_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"detail": "later"})
        else:
            route.continue_()

    page.route("**/v1/articles", busy_once)
    page.get_by_label("Paste a news text").fill(ARTICLE)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#trouble")).to_contain_text("asked again in 1 s")
    expect(page.locator("#read-status")).to_contain_text("4 statements")
    expect(page.locator("#trouble")).to_be_hidden()
    assert len(asked) == 2


def test_a_slow_answer_is_waited_for_with_a_sign(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/articles", lambda route: held.append(route))  # noqa: PLW0108 - the driver wants a function of Python
    page.get_by_label("Paste a news text").fill(ARTICLE)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).to_have_class("spin")
    expect(page.get_by_role("button", name="Read", exact=True)).to_be_disabled()
    page.wait_for_timeout(50)
    held[0].continue_()
    expect(page.locator("#read-status")).to_contain_text("4 statements")


def test_a_label_that_the_store_refuses_is_told(page: Page) -> None:
    read(page)
    page.route("**/v1/quotes", lambda route: route.fulfill(status=422, json={"detail": "x", "errors": [{"where": "label", "came": "x", "wanted": "y"}]}))
    page.locator("#text mark.deny").click()
    page.keyboard.press("c")
    expect(item(page, "any role in the deal")).to_contain_text("Not saved. label: x; wanted: y")
    expect(page.locator("#outbox")).to_be_hidden()
