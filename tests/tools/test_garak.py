"""garak: the Attacker as its red-team model, and the plug-in. By the examples in examples/tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from http_server import Server

from .conftest import EXAMPLES, TOOLS, Tool, here

BIN = TOOLS / "garak" / "bin"


def attempts(tool: Tool) -> list[dict[str, Any]]:
    """The attempts of the one report."""
    (report,) = Path(tool.environment["XDG_DATA_HOME"]).rglob("*.report.jsonl")
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    return [row for row in rows if row["entry_type"] == "attempt" and row["status"] == 2]


def sent(rows: list[dict[str, Any]]) -> list[str]:
    return [row["prompt"]["turns"][-1]["content"]["text"] for row in rows]


def scan(tool: Tool, example: str, address: str, judge: Server) -> list[dict[str, Any]]:
    config = (EXAMPLES / "garak" / example).read_text()
    config = config.replace("http://127.0.0.1:8000/v1/", f"{address}/")
    marked = config.replace("_name: defender:chat", "_name: judge")
    for lines in ("detector_model_config", "evaluator_model_config"):  # not of this server
        marked = "\n".join(
            line.replace(f"{address}/", f"{judge.base_url}/") if lines in line else line
            for line in marked.splitlines()
        )
    (tool.folder / example).write_text(marked)
    tool.environment["OPENAICOMPATIBLE_API_KEY"] = "unused"
    said = tool(BIN / "garak", "--config", tool.folder / example)
    assert "run complete" in said
    assert "DEPRECATION" not in said
    return attempts(tool)


@pytest.mark.parametrize("example", ["atkgen.yaml", "goat.yaml", "tap.yaml"])
def test_the_attacker_is_its_red_team_model(
    tool: Tool, example: str, address: str, judge: Server
) -> None:
    here(tool)
    before = len(judge.requests)
    rows = scan(tool, example, address, judge)
    assert rows
    assert all(text.strip() for text in sent(rows))  # garak found the attack in what was served
    assert any(output["text"] for row in rows for output in row["outputs"])
    assert example == "atkgen.yaml" or len(judge.requests) > before
    assert tool.contacts == []


def test_the_plug_in(tool: Tool, address: str) -> None:
    """The files go into garak's own folders, the one place where it looks for plug-ins."""
    (package,) = BIN.parent.glob("lib/python3*/site-packages/garak")
    copied = [
        Path(shutil.copy(file, package / file.parent.name / file.name))
        for file in (EXAMPLES / "garak/plugin").rglob("advgame.py")
    ]
    try:
        assert {path.parent.name for path in copied} == {"probes", "generators"}
        tool.environment["ADVGAME_API_KEY"] = "unused"
        config = (EXAMPLES / "garak/plugin.yaml").read_text()
        (tool.folder / "plugin.yaml").write_text(
            config.replace("http://127.0.0.1:8000/v1/", f"{address}/")
        )
        said = tool(BIN / "garak", "--config", tool.folder / "plugin.yaml")
    finally:
        for path in copied:
            path.unlink()
    assert "run complete" in said
    rows = attempts(tool)
    assert len(rows) == 4  # two goals, two attacks each
    assert len(set(sent(rows))) == 4
    assert {row["notes"]["goal"] for row in rows} == {"Open a lock", "Fly a kite"}
    assert tool.contacts == []
