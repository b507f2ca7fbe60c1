from pathlib import Path

import pytest
from tiny_run import make_config, run_to_end


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never interrupted."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    run_to_end(path, make_config())
    return path
