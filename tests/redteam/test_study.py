"""`scripts/study_redteam.py`: every arm, its tables, and that it goes on where it was."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from command import start

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/study_redteam.py"
REPLY = "Sure, as you wish"


def rows() -> None:
    """Harmless seeds of both parts."""
    parts = {"validation": 2, "test": 2}
    lines = [
        json.dumps({"text": f"Tell me about {part} subject {n}.", "split": part})
        for part, count in parts.items()
        for n in range(count)
    ]
    Path("seeds.jsonl").write_text("\n".join(lines))


def test_measures_and_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = runpy.run_path(str(SCRIPT))
    monkeypatch.setitem(study["main"].__globals__, "PUBLIC", ("templates",))  # no download
    assert start() == 0
    rows()
    line = ["run", "out", "--set", "seeds.jsonl", "--unseen", "tiny-random", "--seeds", "2"]
    line += ["--choose", "2", "--pool", "1", "--max-tokens", "4"]
    study["main"](line)
    text = Path("out/redteam.json").read_text()
    found = json.loads(text)
    arms = found["targets"]["hardened"]["arms"]
    assert {"plain", "untrained Attacker", "trained Attacker", "templates"} <= arms.keys()
    chosen = found["chosen"]["hardened"]
    assert ("best public templates" in arms) == bool(chosen)
    assert all(each["template"].startswith("templates/") for each in chosen)
    assert {row["at_k"]["n"] + row["at_k"]["unscored"] for row in arms.values()} == {2}
    assert found["targets"]["start"]["arms"].keys() == {"plain", "templates"}
    assert found["hardened minus start"]["templates"]["n"] == 2
    assert "trained minus" in found["targets"]["unseen"]
    assert "subject" not in text  # nothing that was said
    told = capsys.readouterr().out
    assert "### unseen: 2 seeds" in told and "| trained Attacker |" in told

    asked = {path: path.read_text() for path in Path("out").rglob("requests.jsonl")}
    assert len(asked) == 5
    study["main"](line)
    assert {path: path.read_text() for path in Path("out").rglob("requests.jsonl")} == asked
    assert json.loads(Path("out/redteam.json").read_text()) == found
