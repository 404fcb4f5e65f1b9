"""What a person sees: every view at two widths and in two themes, of which axe finds nothing to say. The pictures are in build/screenshots."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from service.keys import Role
from tests.browser.conftest import SHOTS, Place
from tests.browser.test_read import read
from tests.browser.test_review import send

pytestmark = pytest.mark.browser

SIZES = {"laptop": {"width": 1280, "height": 850}, "phone": {"width": 390, "height": 844}}
WAYS = [{"viewport": size, "color_scheme": scheme, "has_touch": name == "phone"} for name, size in SIZES.items() for scheme in ("light", "dark")]
NAMES = [f"{name}-{scheme}" for name in SIZES for scheme in ("light", "dark")]


_WIDE = """() => document.documentElement.scrollWidth <= innerWidth + 1 ? [] : [...document.querySelectorAll("main *, header *")]
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(node => node.outerHTML.slice(0, 120))"""


def at_first(page: Page, _: Place) -> None:
    expect(page.get_by_role("button", name="Take the example")).to_be_visible()


def reading(page: Page, _: Place) -> None:
    page.get_by_role("button", name="Take the example").click()
    page.locator("#text mark").nth(2).click()
    page.keyboard.press("t")
    expect(page.locator("#statements")).to_contain_text("Saved")


def reviewing(page: Page, _: Place) -> None:
    send(page, "anna", The_road_will_be_closed_from_Monday_on=None, One_thing="deny")
    send(page, "ben", One_thing="other")
    page.get_by_role("link", name="Review").click()
    expect(page.locator("#review-card mark, #review-card blockquote").first).to_be_visible()
    expect(page.locator("#agreement table")).to_be_visible()


def learning(page: Page, place: Place) -> None:
    read(page)
    send(page, "anna", One_thing="deny")
    place.registry.keep_gate_verdict("better", ["Macro-F1 is 0.500, 0.300 under the bar of 0.800."], beside="released")
    page.get_by_role("link", name="Model").click()
    page.get_by_label("What is new?").fill("idioms")
    page.get_by_role("button", name="Retrain").click()
    expect(page.locator("#run svg")).to_be_visible()
    expect(page.locator("#drift svg")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()


def asking(page: Page, _: Place) -> None:
    read(page)
    page.locator("#text mark").first.click()
    page.get_by_role("button", name="Wrong speaker").click()
    expect(page.locator("dialog")).to_be_visible()


def gone(page: Page, place: Place) -> None:
    read(page)
    page.locator("#text mark").first.click()
    place.stop()
    page.keyboard.press("c")
    expect(page.locator("#trouble")).to_be_visible()
    place.start()


def locked(page: Page, place: Place) -> None:
    place.add_key(Role.ADMIN)
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_label("Key", exact=True)).to_be_focused()


VIEWS: tuple[Callable[[Page, Place], None], ...] = (at_first, reading, reviewing, learning, asking, gone, locked)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("context", WAYS, ids=NAMES, indirect=True)
def test_everybody_can_use_it(page: Page, place: Place, view: Callable[[Page, Place], None], request: pytest.FixtureRequest) -> None:
    view(page, place)
    SHOTS.mkdir(parents=True, exist_ok=True)
    name = request.node.callspec.id
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    _check_fits(page)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.screenshot(path=SHOTS / f"{name}-large.png", full_page=True)
    _check_fits(page)


def _check_fits(page: Page) -> None:
    """Nothing has to be scrolled to the side."""
    wide: list[Any] = page.evaluate(_WIDE)
    assert wide == []
