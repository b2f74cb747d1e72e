"""The page in a browser: yield to file and line, filters, search, proofs, links up and down, dark mode, accessibility."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from build.core.store import Store
from build.report.view.folder import write_view
from build.report.view.from_dataset import from_dataset
from build.report.view.from_run import from_run
from codeio_dataset import materialise
from tests.browser.chromium import launch
from tests.build.conftest import write_recipe, write_scrambled

_PATIENCE_MS = 120_000  # a machine may be busy with other things
expect.set_options(timeout=_PATIENCE_MS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages `run` and `dataset` of one small run."""
    folder = tmp_path_factory.mktemp("pages")
    path = write_recipe(folder)
    write_scrambled(folder / "raw")
    _, store, dataset = materialise(path)
    write_view(from_run(Store(store.root)), folder / "run_page")
    write_view(from_dataset(dataset, "me/small"), folder / "dataset_page")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test at the first message on the console."""
    told: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(_PATIENCE_MS)
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    yield page
    page.close()
    assert told == []


def opened(page: Page, folder: Path, to: str = "/") -> None:
    page.goto("about:blank")
    page.goto(f"file://{folder}/index.html#{to}")
    page.wait_for_function("to => document.body.dataset.shown === to", arg=f"#{to}")


def heading(page: Page, text: str) -> None:
    expect(page.locator("h1")).to_contain_text(text)


def test_a_reason_in_the_yield_leads_to_the_file_and_line_in_two_clicks(page: Page, folders: Path) -> None:
    opened(page, folders / "run_page")
    page.get_by_role("link", name="no parameters").click()
    page.get_by_role("link", name="refused.py:").click()
    expect(page.locator(".line.lit")).to_have_text("def no_arguments() -> int:\n")
    expect(page.locator(".line.lit")).to_be_in_viewport()


def test_a_verdict_leads_to_samples_that_filters_and_search_narrow(page: Page, folders: Path) -> None:
    opened(page, folders / "run_page")
    page.locator("tr", has_text="input").get_by_role("link").nth(0).click()
    heading(page, "Samples")
    count = page.locator(".count")
    before = int(count.inner_text().split()[0])
    page.get_by_label("First verdict").select_option("wrong_input")
    expect(count).not_to_contain_text(f"{before} of")
    assert set(page.locator("tbody tr td:nth-child(4)").all_inner_texts()) == {"✗ wrong input"}
    page.get_by_label("First verdict").select_option("")
    page.keyboard.press("/")
    page.keyboard.type("sum_of sq")
    expect(count).to_contain_text("“sum_of sq”")
    names = set(page.locator("tbody th").all_inner_texts())
    assert names == {"sum_of_squares"}
    page.keyboard.press("Control+a")
    page.keyboard.type("nothing_has_this")
    expect(count).to_contain_text("0 of")


def test_a_sentence_and_its_code_lines_are_lit_together(page: Page, folders: Path) -> None:
    opened(page, folders / "run_page", "/rows?q=sum_of_squares&task=output")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Next sentence").click()
    pressed = page.locator('.telling button[aria-pressed="true"]')
    expect(pressed).to_have_count(1)
    for _ in range(40):
        if page.locator(".line.lit").count():
            break
        page.keyboard.press("ArrowRight")
    chip = pressed.locator(".chip").inner_text()
    lit = page.evaluate("[...document.querySelectorAll('.line')].flatMap((l, n) => l.matches('.lit') ? [n + 1] : [])")
    assert lit and page.evaluate("ranges", lit) in chip
    expect(page.locator("#said")).to_contain_text("code lines")
    sentence = pressed.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(pressed).not_to_have_text(sentence)
    page.get_by_text("Prompt", exact=True).click()
    expect(page.locator("details .text").first).to_contain_text("Given this input")


@pytest.mark.parametrize("which", ["run_page", "dataset_page"])
def test_a_permalink_opens_a_row_and_leads_to_its_parents_and_children(page: Page, folders: Path, which: str) -> None:
    opened(page, folders / which, "/rows?first=wrong_input")
    address = page.locator("tbody a").first.get_attribute("href") or ""
    opened(page, folders / which, address.removeprefix("#"))
    heading(page, "which input leads there?")
    expect(page.get_by_role("heading", name="Turn 2")).to_be_visible()
    expect(page.locator(".feedback").first).to_contain_text("Not right")
    name = page.locator("h1").inner_text().partition(":")[0]
    page.locator(".crumbs").get_by_role("link", name=name).click()
    heading(page, name)
    own = page.locator(f'a[href="{address}"]')
    expect(own).to_be_visible()
    if which == "run_page":
        page.locator(".crumbs a").first.click()
        expect(page.get_by_role("heading", name="Raw file")).to_be_visible()
        page.locator(".children a", has_text=name).first.click()
        heading(page, name)
    own.click()
    heading(page, "which input leads there?")


def test_a_dataset_has_no_yield_and_says_so(page: Page, folders: Path) -> None:
    opened(page, folders / "dataset_page")
    heading(page, "me/small")
    expect(page.get_by_text("holds no raw files and no rejects")).to_be_visible()
    expect(page.get_by_role("heading", name="Yield")).to_have_count(0)


def test_what_is_not_there_is_said(page: Page, folders: Path) -> None:
    opened(page, folders / "run_page", "/row/0123456789")
    heading(page, "No such sample")


PLACES = ("/", "/rows", "/dropped", "/dropped/unify/no_parameters", "ROW", "FUNCTION", "FILE")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_place_has_a_serious_fault_of_accessibility(page: Page, folders: Path, theme: str) -> None:
    opened(page, folders / "run_page")
    if theme == "dark":
        page.get_by_role("button", name="Dark").click()
        dark = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(dark) == "rgb(20, 24, 29)"
    ids = {table: page.evaluate(f"columns('{table}').then(c => c.id[0])") for table in ("rows", "functions", "files")}
    for place in PLACES:
        named = {
            "ROW": f"/row/{ids['rows']}",
            "FUNCTION": f"/function/{ids['functions']}",
            "FILE": f"/file/{ids['files']}",
        }
        to = named.get(place, place)
        page.evaluate("to => { location.hash = to }", to)
        page.wait_for_function("to => document.body.dataset.shown === to", arg=f"#{to}")
        if place == "ROW":
            page.get_by_role("button", name="Next sentence").click()
        found = Axe().run(page, options={"preload": False}).response["violations"]  # from disk it may load nothing
        told = [f"{to}: {each['id']} ({each['impact']}) {each['nodes'][0]['html']}" for each in found]
        assert not [one for one, each in zip(told, found) if each["impact"] in ("serious", "critical")], told


def test_every_place_is_reached_by_the_keyboard_alone(page: Page, folders: Path) -> None:
    opened(page, folders / "run_page")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"Overview", "Samples", "Rejects", "search", "theme"} <= set(seen)
    page.keyboard.press("/")
    page.keyboard.type("climb\n")
    heading(page, "Samples")
    page.locator("tbody a").first.focus()
    page.keyboard.press("Enter")
    heading(page, "climb")
    assert page.evaluate("document.activeElement.tagName") == "H1"
