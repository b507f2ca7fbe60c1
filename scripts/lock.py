"""Write requirements/dev.lock: the closure of advgame with `EXTRAS`, as installed here.

    .venv/bin/python scripts/lock.py            write
    .venv/bin/python scripts/lock.py --check    fail when the lock and the environment differ

Torch is pinned without its build (`2.13.0`, not `2.13.0+cpu`): requirements/torch-cpu.lock names
the CPU build and is installed first, and a `+cpu` build satisfies the plain pin.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "dev.lock"
EXTRAS = ("dev", "eval", "ifbench", "redteam")


def closure(extras: Sequence[str] = EXTRAS) -> dict[str, str]:
    """Name → version of everything that `advgame[extras]` needs, itself left out."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [("advgame", extra) for extra in ("", *extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is needed but not installed here") from None
        found[name] = Version(package.version).public
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                below = canonicalize_name(needed.name)
                todo += [(below, inner) for inner in ("", *needed.extras)]
    del found["advgame"]
    return found


def main() -> int:
    pins = "".join(f"{name}=={version}\n" for name, version in sorted(closure().items()))
    head = f"# By scripts/lock.py, for CPython 3.11 on Linux. Extras: {', '.join(EXTRAS)}.\n"
    text = head + pins
    if "--check" in sys.argv:
        if LOCK.read_text() != text:
            print("requirements/dev.lock and this environment differ", file=sys.stderr)
            return 1
        return 0
    LOCK.write_text(text)
    print(f"{LOCK.relative_to(ROOT)}: {pins.count('==')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
