"""The queue of what would teach most, and the agreement of those who label."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Place
from tests.browser.test_read import ARTICLE, read

pytestmark = pytest.mark.browser


def send(page: Page, labeller: str, **labels: str | None) -> None:
    quotes = [{"text": text.replace("_", " "), "label": label} for text, label in labels.items()]
    answer = page.request.post("/v1/quotes", data={"labeller": labeller, "quotes": quotes})
    assert answer.ok, answer.text()


def quotes(page: Page) -> dict[str, Any]:
    return {quote["text"]: quote for quote in json.loads(page.request.get("/v1/quotes").text())["quotes"]}


def test_what_is_unsure_is_put_under_review_and_answered_with_one_key_each(page: Page, place: Place) -> None:
    read(page, ARTICLE + "\n\nCleo Berg told reporters that the road was closed. She also said the mill would open.")
    page.get_by_role("button", name="Put the").click()
    expect(page.locator("#taken")).to_contain_text("put under Review")
    n = len(place.quotes())
    assert n >= 2
    assert set(place.quotes().values()) == {None}
    page.get_by_role("link", name="Review").click()
    expect(page.locator("#review-progress")).to_contain_text(f"0 answered now; about {n} quotes still wait")
    first = page.locator("#review-card mark").inner_text()
    page.keyboard.press("t")
    expect(page.locator("#review-progress")).to_contain_text(f"1 answered now; about {n - 1}")
    expect(page.locator("#review-state")).to_contain_text("threat; the model said")
    expect(page.locator("#review-card mark")).not_to_have_text(first)
    page.keyboard.press("u")
    expect(page.locator("#review-card mark")).to_have_text(first)
    for _ in range(n):
        page.keyboard.press("o")
    expect(page.locator("#review-card")).to_contain_text("Nothing waits for a label")
    expect(page.locator("#outbox")).to_be_hidden()
    assert set(place.quotes().values()) == {"other"}


def test_skipping_leaves_a_quote_as_it_is(page: Page, place: Place) -> None:
    send(page, "anna", One_thing=None, Another_thing=None)
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="deny").click()
    expect(page.locator("#review-card")).to_contain_text("Nothing waits")
    assert sorted(map(str, place.quotes().values())) == ["None", "deny"]


def test_disputes_are_shown_with_what_each_said(page: Page) -> None:
    send(page, "anna", One_thing="deny", Another_thing="deny")
    send(page, "ben", One_thing="other", Another_thing="deny")
    page.get_by_label("Your name").fill("cleo")
    page.get_by_role("link", name="Review").click()
    expect(page.locator("#agreement")).to_contain_text("anna and ben")
    expect(page.locator("#agreement")).to_contain_text("50 %")
    page.get_by_label("Show first").select_option("disagreement")
    expect(page.locator("#review-card blockquote")).to_have_text("One thing")
    expect(page.locator("#review-card")).to_contain_text("So far: anna says deny, ben says other")
    page.get_by_role("button", name="Settle it as").click()
    page.locator("dialog select").select_option("other")
    page.get_by_role("button", name="Settle", exact=True).click()
    expect(page.locator("#review-card blockquote")).to_have_text("Another thing")
    assert quotes(page)["One thing"]["status"] == "agreed"
    assert quotes(page)["One thing"]["label"] == "other"


def test_html_in_a_quote_is_not_run(page: Page) -> None:
    evil = "<img src=x onerror='window.hit=1'>"
    page.request.post("/v1/quotes", data={"labeller": "<b>x</b>", "text": evil, "context": f"She said {evil} twice."})
    page.get_by_role("link", name="Review").click()
    expect(page.locator("#review-card mark")).to_have_text(evil)
    assert page.locator("#review-card img").count() == 0
    assert page.evaluate("window.hit") is None
