from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chrome import Page, find_chromium
from fake_measure import write_measure
from fake_run import write_fake_run


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs Chromium (skipped without it)")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "demo-1"
    return write_measure(write_fake_run(folder, steps=30, seeds=6))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    """One browser for a module."""
    executable = find_chromium()
    if executable is None:
        pytest.skip("no chromium here")
    page = Page(executable)
    yield page
    page.close()


@pytest.fixture
def page(chromium: Page) -> Iterator[Page]:
    """A page in a browser that complains about nothing, whatever a test does with it."""
    chromium.problems.clear()
    chromium.requests.clear()
    chromium.resize(1280, 900)
    yield chromium
    assert chromium.problems == []
    assert chromium.js("window.pwned === undefined && document.querySelector('.text svg') === null")
