"""Measures how fast the page of a large run answers: `python -m tests.browser.measure RUN --rows 100000 --output DIR`.

The run's records are repeated under other ids and names until there are as many rows; times include the drawing.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import click
from playwright.sync_api import Page, sync_playwright

from build.core.records import digest
from build.core.store import Store
from build.report.view.folder import write_view
from build.report.view.from_run import from_run
from build.report.view.items import Dropped, File, Function, Item, Row, Shown
from tests.browser.chromium import launch

SEARCHES = ("binary search", "gcd", "dijkstra copy3", "ma", "return")


def multiplied(items: list[Item], rows: int) -> Iterator[Item]:
    """The items again and again, each copy under its own ids and names, until there are enough rows."""
    made = 0
    for copy in count():
        for item in items:
            if made >= rows and not isinstance(item, Dropped):
                return
            made += isinstance(item, Row)
            yield _copied(item, copy) if copy else item


def _copied(item: Item, copy: int) -> Item:
    def other(id: str) -> str:
        return id and digest(id, str(copy))

    match item:
        case File():
            return replace(item, id=other(item.id), path=f"copy{copy}/{item.path}")
        case Function():
            pairs = tuple(replace(pair, id=other(pair.id)) for pair in item.pairs)
            return replace(item, id=other(item.id), file=other(item.file), path=f"copy{copy}/{item.path}", pairs=pairs)
        case Row():
            return replace(item, id=other(item.id), function=other(item.function), pair=other(item.pair))
        case Dropped():
            return replace(item, file=other(item.file), function=other(item.function))


class Stopwatch:
    """Tells how long something took on the clock, and how much of that the page's main thread computed."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _computed(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return 1000 * sum(each["value"] for each in metrics if each["name"] == "TaskDuration")

    def __call__(self, what: str, action: Callable[[], float]) -> None:
        before = self._computed()
        print(f"{what}: {action():.0f} ms, of which computing {self._computed() - before:.0f} ms")


def timed_open(page: Page, address: str) -> float:
    """Milliseconds until the content of an address stands there, in a page that was not open before."""
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_function("document.body.dataset.shown !== undefined")
    return 1000 * (time.perf_counter() - start)


def timed_search(page: Page, query: str) -> float:
    """Milliseconds from the changed address to the drawn list, measured in the page."""
    return page.evaluate(
        """query => new Promise(done => {
            const to = `#/rows?q=${encodeURIComponent(query)}`, start = performance.now();
            const seen = new MutationObserver(() => {
                if (document.body.dataset.shown !== to) return;
                seen.disconnect();
                requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
            });
            seen.observe(document.body, { attributes: true });
            location.hash = to;
        })""",
        query,
    )


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rows", default=10_000, show_default=True)
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="The page; kept for next time."
)
def main(run: Path, rows: int, output: Path) -> None:
    """Print how long the page takes to open, to list, to search and to show a row."""
    if not output.exists():
        shown = from_run(Store(run))
        start = time.process_time()
        items = multiplied(list(shown.items), rows)
        written = write_view(Shown(shown.title, items, shown.stages, shown.notes), output)
        print(f"{written} rows written in {time.process_time() - start:.1f} s of CPU time")
    scripts = [file.stat().st_size for file in output.rglob("*.js")]
    print(f"{sum(scripts) / 1e6:.0f} MB in {len(scripts)} scripts; load average {os.getloadavg()[0]:.1f}")
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        measure = Stopwatch(page)
        address = f"file://{output.resolve()}/index.html"
        page.goto(f"file://{output.resolve()}/view.css")  # the browser itself has started
        measure("overview", lambda: timed_open(page, address))
        measure("list of samples", lambda: timed_search(page, ""))
        for query in SEARCHES:
            measure(f"search {query!r}", partial(timed_search, page, query))
            print(f"    {page.locator('.count').inner_text()}")
        row = page.locator("tbody a").first.get_attribute("href")
        page.goto("about:blank")
        measure("a row by its permalink", lambda: timed_open(page, f"{address}{row}"))


if __name__ == "__main__":
    main()
