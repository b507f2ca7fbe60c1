"""What Inspect does to the process is undone after each test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """Inspect sets the root logger's level and adds a handler; other tests read its records."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, and sample from the tiny model as on any machine."""
    from advgame.models import network

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)
