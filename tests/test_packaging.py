"""What is installed: the files of the wheel, the packages that it needs, and those of the lock."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/advgame"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = ROOT / "scripts/lock.py"
LOCKED = sys.version_info[:2] == (3, 11) and version("torch").endswith("+cpu")

# Finds no module of the packages named by the first argument, as if they were not installed.
BARE = """
import sys

class Bare:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def find_spec(self, name, path=None, target=None):
        absent = name.partition(".")[0] in ABSENT
        return None if absent else self.inner.find_spec(name, path, target)

ABSENT = set(sys.argv[1].split(","))
sys.meta_path[:] = map(Bare, sys.meta_path)
import advgame.cli
print(advgame.__file__)
advgame.cli.main(sys.argv[2:])
"""


def shipped() -> list[Path]:
    """The files of the wheel: hatchling takes what git does not ignore below `packages`."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text("utf-8").splitlines())
    files = (path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.is_file())
    return [path for path in files if not ignored.match_file(path)]


def test_the_wheel_holds_every_file_of_the_package() -> None:
    """Presets, rubrics, templates, seeds and weights; nothing is left out by a rule."""
    assert PYPROJECT["tool"]["hatch"] == {
        "build": {"targets": {"wheel": {"packages": ["src/advgame"]}}}
    }
    data = {path for path in PACKAGE.rglob("*") if path.suffix not in ("", ".py", ".pyc")}
    assert data <= {ROOT / path for path in shipped()}
    assert {path.suffix for path in data} >= {
        ".yaml", ".json", ".jsonl", ".md", ".html", ".js", ".css", ".safetensors", ".typed",
    }  # fmt: skip


def test_a_bare_install_trains_and_reports(tmp_path: Path) -> None:
    """The files of the wheel alone, without the packages of any extra."""
    core = {"advgame", "pip", *runpy.run_path(str(LOCK))["closure"](extras=())}
    absent = {
        module
        for module, owners in packages_distributions().items()
        if core.isdisjoint(map(canonicalize_name, owners))
    } - {"advgame"}
    assert absent > {
        "datasets", "fastapi", "inspect_ai", "lm_eval", "openai", "pytest",
        "sklearn", "starlette", "tensorboard", "trl", "uvicorn",
    }  # fmt: skip
    for path in shipped():
        copy = tmp_path / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy)
    done = subprocess.run(
        [sys.executable, "-c", BARE, ",".join(absent), "train", "tiny", "train.steps=1",
         "train.threads=1", "--out", "run"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "src/advgame"))
    assert (tmp_path / "run/report.html").is_file()


def test_the_lock_meets_every_requirement() -> None:
    lines = (ROOT / "requirements/dev.lock").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = PYPROJECT["project"]
    needed = list(project["dependencies"])
    for extra in runpy.run_path(str(LOCK))["EXTRAS"]:
        needed += project["optional-dependencies"][extra]
    for requirement in map(Requirement, needed):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement}: not in the lock; make lock"
        assert requirement.specifier.contains(pin), f"{requirement}: the lock has {pin}; make lock"
    torch = (ROOT / "requirements/torch-cpu.lock").read_text("utf-8").strip()
    assert torch == f"torch=={pins['torch']}+cpu"


@pytest.mark.skipif(not LOCKED, reason="the lock is for CPython 3.11 with torch for CPU")
def test_the_lock_is_what_this_environment_needs() -> None:
    """Made from the lock, it differs when a requirement came or went and the lock was not made."""
    done = subprocess.run(
        [sys.executable, str(LOCK), "--check"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{done.stderr.strip()}; make lock"
