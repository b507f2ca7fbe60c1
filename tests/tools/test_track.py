"""W&B, offline, and Trackio keep what a run's sinks write, also when the run is resumed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .conftest import ROOT, TOOLS, Tool, here

TRACK = TOOLS / "track/bin"
METRIC = "defender/harmful/score"
WRITE = f"""
import sys
from pathlib import Path
from advgame.metrics.sinks import build_sinks

for first in (0, 3):  # resumed: step 3 is played again
    (sink,) = build_sinks([sys.argv[1]], Path("run"))
    for step in range(first, first + 4):
        line = {{"step": step, "{METRIC}": step / 2, "note": "text", "time": {{"step": 1.5}}}}
        sink.write(step, line)
    sink.close()
"""


def write(tool: Tool, name: str) -> str:
    here(tool)
    (tool.folder / "run").mkdir()
    (tool.folder / "write.py").write_text(WRITE)
    tool.environment |= {"WANDB_MODE": "offline", "TRACKIO_DIR": str(tool.folder / "trackio")}
    tool.environment["PYTHONPATH"] += f":{ROOT / 'src'}"
    return tool(TRACK / "python", "write.py", name)


def test_wandb(tool: Tool) -> None:
    said = write(tool, "wandb")
    # Its own account of the history it keeps, at the end of each process.
    assert re.findall(rf"{METRIC} ([\d.]+)$", said, re.MULTILINE) == ["1.5", "3"]
    assert len(re.findall(r"time/step [▁▂▃▄▅▆▇█]{4}$", said, re.MULTILINE)) == 2
    assert "note" not in said
    kept = list((tool.folder / "run/wandb").glob("offline-run-*/*.wandb"))
    assert len(kept) == 2
    assert len({path.name for path in kept}) == 1  # one run, resumed
    assert all(METRIC.encode() in path.read_bytes() for path in kept)
    assert tool.contacts == []


def test_trackio(tool: Tool) -> None:
    write(tool, "trackio")

    def asked(*words: str) -> Any:
        said = tool(TRACK / "trackio", *words, "--project", "advgame", "--json")
        return json.loads(said[said.index("{") :])

    (run,) = asked("list", "runs")["runs"]
    found = asked("get", "metric", "--run", run, "--metric", METRIC)["values"]
    assert [(each["step"], each["value"]) for each in found] == [
        (step, step / 2) for step in (0, 1, 2, 3, 3, 4, 5, 6)
    ]  # it cannot forget: the step played again is there twice
    assert set(asked("list", "metrics", "--run", run)["metrics"]) == {METRIC, "time/step"}
    assert tool.contacts == []
    assert not Path(tool.environment["HOME"], ".cache/huggingface/trackio").exists()
