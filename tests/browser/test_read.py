"""Reading an article on the page, and putting its statements right."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Place
from tests.test_documents import HTML, LINES, pdf

pytestmark = pytest.mark.browser

ARTICLE = """It rained all day. Ana Ruiz, the mayor, denied any role in the deal.

“You will regret this,” she added. “All of you.”

Ben Okoro urged the town to wait. He also told reporters that the harvest was late."""


def read(page: Page, article: str = ARTICLE) -> None:
    page.get_by_label("Paste a news text").fill(article)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).not_to_contain_text("Reading")


def item(page: Page, text: str):  # type: ignore[no-untyped-def]
    return page.locator("#statements li", has_text=text)


def test_an_article_is_shown_with_its_statements_marked_and_listed_by_speaker(page: Page) -> None:
    read(page)
    expect(page.locator("#read-status")).to_contain_text("4 statements by 2 speakers")
    expect(page.locator("#text mark.deny")).to_have_text("any role in the deal")
    expect(page.locator("#text mark.threat")).to_have_text(["You will regret this", "All of you."])
    expect(page.locator("#statements h2")).to_have_text(["Ana Ruiz (2)", "Ben Okoro (2)"])
    expect(page.locator("#text .cue").first).to_have_text("denied")
    expect(page.locator("#text .speaker").first).to_have_text("Ana Ruiz, the mayor")
    # Never the colour alone: a letter too.
    assert [sign.inner_text() for sign in page.locator("#text button.sign").all()] == ["D", "T", "A", "O"]


def test_one_statement_shows_the_other_by_pointer_and_by_focus(page: Page) -> None:
    read(page)
    page.locator("#text mark.deny").hover()
    expect(item(page, "any role in the deal")).to_have_class(re.compile(r"\bnow\b"))
    page.locator("h1").first.hover()
    expect(item(page, "any role in the deal")).not_to_have_class(re.compile(r"\bnow\b"))
    item(page, "the town to wait").locator("button.head").focus()
    expect(page.locator("#text mark.appeal")).to_have_class(re.compile(r"\bnow\b"))
    item(page, "the town to wait").locator("button.head").click()
    page.get_by_role("button", name="Show in the text").click()
    expect(page.locator("#text button.sign.appeal")).to_be_focused()


def test_offsets_hold_for_letters_of_two_units(page: Page) -> None:
    read(page, "🎉🎉 The 𝔪𝔞𝔶𝔬𝔯 smiled. Ana Ruiz denied any role in the deal.")
    expect(page.locator("#text mark.deny")).to_have_text("any role in the deal")


def test_filters_hide_what_is_not_wanted_and_leave_the_text_whole(page: Page) -> None:
    read(page)
    whole = page.locator("#text").text_content()
    page.get_by_role("button", name="deny 1").click()
    expect(page.locator("#sifted")).to_have_text("3 of 4 shown")
    expect(item(page, "any role in the deal")).to_be_hidden()
    expect(page.locator("#text mark.deny")).to_have_class(re.compile("away"))
    page.locator("#filters").get_by_label("Speaker").select_option("Ben Okoro")
    expect(page.locator("#sifted")).to_have_text("2 of 4 shown")
    page.get_by_label("Verdict").select_option("unsure")
    expect(page.locator("#sifted")).to_have_text(re.compile("of 4 shown"))
    assert page.locator("#text").text_content() == whole


def test_a_label_is_given_by_one_key_and_taken_back(page: Page, place: Place) -> None:
    read(page)
    page.locator("#text mark.deny").click()
    page.keyboard.press("c")
    expect(item(page, "any role in the deal")).to_contain_text("Saved: confirm")
    expect(page.locator("#text mark", has_text="any role")).to_have_class(re.compile("confirm"))
    assert place.quotes() == {"any role in the deal": "confirm"}
    page.keyboard.press("d")
    expect(item(page, "any role in the deal")).to_contain_text("Saved: deny")
    page.keyboard.press("u")
    expect(item(page, "any role in the deal")).to_contain_text("Saved: confirm")
    page.keyboard.press("u")
    expect(item(page, "any role in the deal")).to_contain_text("91 %")
    expect(page.locator("#outbox")).to_be_hidden()
    expect(item(page, "any role in the deal")).not_to_contain_text("Being saved")
    assert place.quotes() == {"any role in the deal": None}


def test_a_label_is_given_by_a_click_with_what_it_corrects(page: Page, place: Place) -> None:
    page.get_by_label("Your name").fill("anna")
    read(page)
    item(page, "any role in the deal").locator("button.head").click()
    item(page, "any role in the deal").get_by_role("button", name="not a statement").click()
    expect(item(page, "any role in the deal")).to_contain_text("Saved: not a statement")
    quote = json.loads(page.request.get("/v1/quotes").text())["quotes"][0]
    assert quote["verdict"] == {"model": "first", "stance": "deny", "probability": pytest.approx(0.905, abs=0.001)}
    assert [(label["labeller"], label["label"]) for label in quote["labels"]] == [("anna", "not_a_statement")]
    assert quote["context"] == "Ana Ruiz, the mayor, denied any role in the deal."
    assert quote["speaker"] == "Ana Ruiz"


def test_a_note_and_another_speaker_are_kept(page: Page) -> None:
    read(page)
    page.locator("#text mark.appeal").click()
    page.keyboard.press("n")
    page.get_by_label("Note", exact=True).fill("a plain appeal")
    page.get_by_role("button", name="Save").click()
    expect(item(page, "the town to wait")).to_contain_text("Note: a plain appeal")
    page.get_by_role("button", name="Wrong speaker").click()
    page.locator("dialog input").fill("Bea Okoro")
    page.keyboard.press("Enter")
    expect(item(page, "the town to wait")).to_contain_text("Bea Okoro")
    expect(page.locator("#outbox")).to_be_hidden()
    quote = json.loads(page.request.get("/v1/quotes").text())["quotes"][0]
    assert (quote["label"], quote["speaker"], quote["labels"][0]["note"]) == ("appeal", "Bea Okoro", "a plain appeal")


def test_a_statement_is_copied_as_a_card(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read(page)
    for text, card in (
        ("You will regret this", "“You will regret this … All of you.”\n— Ana Ruiz [threat, 100 %; first]\n"),
        ("any role in the deal", "any role in the deal\n— Ana Ruiz [deny, 91 %; first]\n"),
    ):
        page.locator("#text mark", has_text=text).click()
        item(page, text).get_by_role("button", name="Copy as a card").click()
        expect(item(page, text).get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == card


def test_the_whole_of_it_works_without_a_mouse(page: Page, place: Place) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the content
    page.keyboard.press("Tab")
    page.keyboard.insert_text(ARTICLE)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#read-status")).to_contain_text("4 statements")
    page.locator("#text button.sign").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("#statements")).to_contain_text("Saved: other")
    assert set(place.quotes().values()) == {"other"}


def test_what_is_taken_away_holds_the_readers_labels(page: Page, tmp_path: Path) -> None:
    read(page, ARTICLE + "\n\n“=1+1 is what she denied,” said Cleo Berg.")
    page.locator("#text mark.deny").first.click()
    page.keyboard.press("x")

    def taken(button: str) -> str:
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        download.value.save_as(tmp_path / "taken")
        return (tmp_path / "taken").read_text(encoding="utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(taken("Download CSV"))))
    assert [row["statement"] for row in rows] == [
        "any role in the deal",
        "You will regret this … All of you.",
        "the town to wait",
        "that the harvest was late",
        "'=1+1 is what she denied",
    ]
    assert (rows[0]["stance"], rows[0]["label"], rows[0]["speaker"]) == ("deny", "not_a_statement", "Ana Ruiz")
    lines = [json.loads(line) for line in taken("Download JSON Lines").splitlines()]
    assert lines[4]["statement"] == "=1+1 is what she denied"
    assert sum(lines[0][f"p_{stance}"] for stance in ("confirm", "deny", "threat", "appeal", "other")) == pytest.approx(1)
    html = taken("Download as a page")
    assert "<script" not in html
    for words in ("any role in the deal", "Ana Ruiz", "91 %"):
        assert words in html


@pytest.mark.parametrize(("name", "content"), [("page.html", HTML.encode()), ("leak.pdf", pdf(LINES))])
def test_a_file_is_read_as_it_comes(page: Page, name: str, content: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": content})
    expect(page.locator("#text .head")).to_have_text("Minister denies leak")
    expect(page.locator("#text mark").first).to_contain_text("that the dam was leaking")


def test_a_file_that_is_dropped_is_read(page: Page) -> None:
    page.evaluate(
        """text => {
        const data = new DataTransfer();
        data.items.add(new File([text], "news.txt", {type: "text/plain"}));
        document.getElementById("read-form").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    }""",
        ARTICLE,
    )
    expect(page.locator("#read-status")).to_contain_text("4 statements")


def test_the_example_is_one_click_away(page: Page) -> None:
    page.get_by_role("button", name="Take the example").click()
    expect(page.locator("#text")).to_contain_text("Karsk Energi")
    expect(page.locator("#text mark").first).to_be_visible()


def test_html_in_an_article_is_shown_and_never_run(page: Page, tmp_path: Path) -> None:
    evil = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
    read(page, f"Ana <b onclick='window.hit=1'>Ruiz</b> denied any role in {evil} the deal. “{evil} You will regret this,” said Ben {evil} Okoro.")
    for mark in page.locator("#text button.sign").all():
        mark.click()
    assert "<img src=x onerror" in str(page.locator("#text").text_content())
    assert page.locator("#result img, #result script, #result b").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as a page").click()
    download.value.save_as(tmp_path / "taken.html")
    taken = page.context.new_page()
    taken.goto(f"file://{tmp_path}/taken.html")
    for opened in (page, taken):
        opened.wait_for_timeout(100)
        assert opened.evaluate("window.hit") is None
    taken.close()


def test_nothing_to_read_and_nothing_said_are_told(page: Page) -> None:
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).to_contain_text("nothing to read yet")
    read(page, "The river rose. " * 200)
    expect(page.locator("#read-status")).to_contain_text("Nobody is reported as saying anything")
    expect(page.locator("#result")).to_be_hidden()
    read(page, "They will regret this. All of them.")
    expect(page.locator("#read-status")).to_contain_text("taken as one statement")
    expect(page.locator("#statements")).to_contain_text("91 %")


def test_another_language_is_named(page: Page) -> None:
    read(page, "Der Minister bestritt am Montag, dass der Damm undicht sei, und niemand im ganzen Tal glaubte ihm auch nur ein Wort davon. " * 20)
    expect(page.locator("#read-status")).to_contain_text("seems to be in German")


def test_a_text_that_is_too_long_is_refused_with_the_limit(page: Page) -> None:
    page.evaluate("document.getElementById('article').value = 'word '.repeat(50000)")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).to_contain_text("at most")
    expect(page.get_by_role("button", name="Read", exact=True)).to_be_enabled()


def test_a_hundred_thousand_characters_are_read(page: Page) -> None:
    article = "\n\n".join(f"Ana Ruiz, the mayor, denied any role in deal number {number}." for number in range(1_600))
    page.evaluate("text => document.getElementById('article').value = text", article)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#read-status")).to_contain_text("1,600 statements", timeout=60_000)
    page.locator("#text mark.deny").nth(1_500).click()
    expect(item(page, "any role in deal number 1500")).to_have_class(re.compile("now"))
