"""Real clients against a real socket: the package `openai`, and curl."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import start

pytest.importorskip("starlette")
from served import serving

from advgame.serve.player import open_player
from advgame.types import Role

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    out = tmp_path_factory.mktemp("clients") / "run"
    assert start("train.steps=1", out=str(out)) == 0
    with serving([open_player(str(out), role) for role in Role]) as address:
        yield address


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_openai(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    example = ROOT / "examples/tools/openai_client.py"
    monkeypatch.setattr(sys, "argv", [example.name, address])
    runpy.run_path(str(example), run_name="__main__")
    told = capsys.readouterr().out
    assert "served: attacker attacker:benign" in told
    assert told.count("attacker writes: ") == told.count("defender answers: ") == 2


def test_curl(address: str) -> None:
    """The command of docs/howto/other-tools.md."""
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    page = (ROOT / "docs/howto/other-tools.md").read_text("utf-8")
    line = page.split("## curl\n\n```bash\n")[1].split("```")[0]
    line = line.replace("http://127.0.0.1:8000/v1", address).replace("curl ", "curl -sS ", 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["choices"]) == 4
