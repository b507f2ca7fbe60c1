"""The import rules of docs/architecture.md, read off the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "advgame"
PURE = (
    "game", "credit", "judges", "config", "seeds", "prompts", "store", "metrics", "dryrun",
    "types.py", "protocols.py", "errors.py", "events.py", "schedule.py", "hostile.py",
)  # fmt: skip
HEAVY = {"torch", "transformers", "peft", "ray", "vllm"}
# Writing weights is the store's only business with tensors; it happens inside one function.
ALLOWED = {"store/export.py": {"torch", "transformers", "peft"}}


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, at any depth of nesting."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(*parts: str) -> list[Path]:
    found = [SOURCE / part for part in parts]
    return sorted(p for f in found for p in ([f] if f.is_file() else f.rglob("*.py")))


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def tops(path: Path) -> set[str]:
    """Top-level packages a file imports."""
    return {name.split(".")[0] for name in imports(path)}


def test_pure_packages_know_no_tensors() -> None:
    found = {
        named(path): heavy
        for path in files(*PURE)
        if (heavy := tops(path) & HEAVY - ALLOWED.get(named(path), set()))
    }
    assert not found


def test_only_cluster_imports_ray() -> None:
    users = {named(path) for path in files(".") if "ray" in tops(path)}
    assert all(name.startswith("cluster/") for name in users), users


def test_the_game_and_the_maths_do_not_look_up() -> None:
    above = {f"advgame.{name}" for name in ("world", "train", "cli", "report", "engines", "learn")}
    found = {
        named(path): up
        for path in files("game", "credit", "losses")
        if (up := {".".join(name.split(".")[:2]) for name in imports(path)} & above)
    }
    assert not found


def test_nothing_but_the_command_line_imports_it() -> None:
    users = {
        named(path)
        for path in files(".")
        if any(f"{name}.".startswith("advgame.cli.") for name in imports(path))
    }
    assert all(name.startswith("cli/") or name == "__main__.py" for name in users), users


def test_files_do_one_thing() -> None:
    lengths = {named(path): len(path.read_text("utf-8").splitlines()) for path in files(".")}
    assert not {name: length for name, length in lengths.items() if length > 300}


def test_the_rules_see_something() -> None:
    """The scan itself works: it finds the imports that are known to be there."""
    assert "torch" in tops(SOURCE / "losses" / "dpo.py") | tops(SOURCE / "models" / "sets.py")
    assert {"advgame.cli.app.app", "advgame.errors"} <= set(imports(SOURCE / "cli/__init__.py"))
    assert len(files(*PURE)) > 30


@pytest.mark.parametrize(
    "module", ["advgame.cli.app", "advgame.config", "advgame.dryrun", "advgame.report.run_data"]
)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
