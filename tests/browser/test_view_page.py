"""The viewer in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chrome import Page, set_field

from advgame.report.view import make_server

pytestmark = pytest.mark.browser

TREES = "document.querySelectorAll('#trees .episode').length"


@pytest.fixture
def view(page: Page, run: Path) -> Iterator[Page]:
    with make_server(run, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        page.open(f"http://127.0.0.1:{server.server_port}/")
        page.wait(TREES)
        yield page
        server.shutdown()
        thread.join()


def test_reads_only_the_steps_it_shows(view: Page) -> None:
    steps = [url for url in view.requests if "/api/" in url]
    assert 1 <= len(steps) < 5  # 20 rounds, 12 a step, of 30 steps
    assert all(url.startswith(("http://127.0.0.1:", "data:")) for url in view.requests)


def test_one_step_and_its_trees(view: Page) -> None:
    set_field(view, "filters", "step", "17")
    view.wait("document.getElementById('found').textContent === '12 rounds match'")
    assert view.js(TREES) == 12
    assert view.requests[-1].endswith("/api/steps/17")
    view.js("document.querySelectorAll('.episode > summary')[3].click()")
    view.wait("document.querySelectorAll('.episode .tree').length === 2")
    assert "Asked as it is" in view.js("document.querySelectorAll('.episode')[3].innerText")


def test_search_goes_through_every_step(view: Page) -> None:
    set_field(view, "filters", "text", "no move says this")
    view.wait("document.getElementById('found').textContent === '0 rounds match'")
    assert len({url for url in view.requests if "/api/" in url}) == 30


def test_a_damaged_step_is_told(view: Page, run: Path) -> None:
    path = run / "episodes/step-000005.jsonl"
    whole = path.read_bytes()
    path.write_text("{\n")
    try:
        set_field(view, "filters", "step", "5")
        view.wait("document.getElementById('found').textContent.includes('is damaged')")
        assert any("500" in problem for problem in view.problems)
        view.problems.clear()
    finally:
        path.write_bytes(whole)
