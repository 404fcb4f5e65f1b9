"""python -m tests.bench.page: from "Read" to the first highlight in Chromium, for the example article and for 1,000 words; and service/page.png."""

import statistics
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from service.settings import EXAMPLE
from tests.browser.conftest import CHROMIUM
from tests.conftest import running_service

_PICTURE = Path(__file__).parent.parent.parent / "service" / "page.png"
_N_RUNS = 5
# Milliseconds from the click to the frame after the first mark is there.
_UNTIL_MARKED = """article => new Promise(done => {
    document.getElementById("article").value = article;
    document.getElementById("text").replaceChildren();
    const started = performance.now();
    new MutationObserver((_, observer) => {
        if (!document.querySelector("#text mark")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
    }).observe(document.getElementById("text"), {childList: true, subtree: true});
    document.getElementById("read-button").click();
})"""


def measure(page: Page, article: str) -> str:
    n_words = len(article.split())
    took = [page.evaluate(_UNTIL_MARKED, article) for _ in range(_N_RUNS)]
    return f"{n_words} words: {statistics.median(took):.0f} ms to the first highlight (median of {_N_RUNS}, slowest {max(took):.0f} ms)\n"


def main() -> None:
    article = EXAMPLE.read_text(encoding="utf-8")
    long = "\n\n".join([article] * (1_000 // len(article.split()) + 1))
    with running_service() as (_, address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(address)
        measure(page, article)  # the parser is loaded by the first
        for text in (article, long):
            sys.stdout.write(measure(page, text))
        page.goto(f"{address}/?picture")  # a page that has read nothing yet
        page.get_by_role("button", name="Take the example").click()
        page.locator("#result").wait_for()
        page.locator("#text mark").nth(3).click()
        page.mouse.move(0, 0)
        page.evaluate("document.getElementById('read-status').scrollIntoView()")
        page.screenshot(path=_PICTURE)
        Image.open(_PICTURE).quantize(128).save(_PICTURE, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
