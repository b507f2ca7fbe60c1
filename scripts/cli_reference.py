"""Write docs/cli.md from the command line itself; `--check` fails when it is out of date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cli.md"
HEAD = """<!-- Written by `make cli-docs`. Do not edit. -->

Exit codes: 0 done; 1 whoever read the output has gone (of `redteam replay`: more attacks succeed
than are allowed); 2 something you can mend, said in one message on standard error; 130 stopped by
Ctrl-C. `--debug`, anywhere on the line, shows tracebacks.

"""


def reference() -> str:
    """Return the whole page; typer's own generator writes all but its head."""
    command = [sys.executable, "-m", "typer", "advgame.cli.app", "utils", "docs"]
    made = subprocess.run(
        [*command, "--name", "advgame"], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return HEAD + made.stdout


def main() -> int:
    text = reference()
    if "--check" in sys.argv:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            print("docs/cli.md is out of date: run `make cli-docs`", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
