"""Every example runs, and shows what its docstring says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHOWS = {
    "run_tiny.py": "step 2: best reply earned",
    "watch_a_round.py": "Tell me about cats.   reward -1.0 unfaithful",
    "own_judge.py": "12 characters → reward 10.0",
    "own_reward.py": "1 words → reward",
    "export_and_ask.py": "defender answers",
    "red_team.py": "the first attempt broke 0% of the seeds, two of them 100%",
}


def test_every_example_is_listed() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SHOWS)


@pytest.mark.parametrize("name", SHOWS)
def test_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `python examples/NAME` does
    monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)  # another test's, perhaps
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert SHOWS[name] in capsys.readouterr().out
