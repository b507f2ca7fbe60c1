from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import write_fake_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 12 steps. Read-only: shared by all tests."""
    return write_fake_run(tmp_path_factory.mktemp("runs") / "demo-1")
