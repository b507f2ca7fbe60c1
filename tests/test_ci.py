"""`.ci/run` tells at its end that it could not test the browser, and fails if it is told to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("fails", "browser", "code", "says"),
    [
        ("nothing", "required", 0, ""),
        ("browser", "required", 1, "every browser test was skipped"),
        ("browser", "", 0, "every browser test was skipped"),
        ("test", "", 2, ""),
    ],
)
def test_a_browser_that_is_not_there_is_told(
    fails: str, browser: str, code: int, says: str, tmp_path: Path
) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/made\n[ "$1" != {fails} ] || exit 2\n')
    make.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "ADVGAME_BROWSER": browser},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, bool(done.stderr)) == (code, bool(says))
    assert says in done.stderr
    assert (tmp_path / "made").read_text().split() == ["check", "browser", "test"]
