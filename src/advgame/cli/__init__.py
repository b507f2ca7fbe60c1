"""The command `advgame`. Light: a command imports what it needs when it runs.

`advgame --help` must answer at once, so nothing here, nor at the top of a command's file, imports
torch, transformers or anything that does.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence

from advgame.errors import AdvGameError

_LONGEST, _WIDEST = 12, 1_000  # lines of a message, and characters of one: it may quote a file
_FULL = {errno.ENOSPC, errno.EDQUOT}  # the user's to mend even where no file is named


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Exit code 2 and one message for what a user can mend.

    `--debug`, anywhere on the line, shows the traceback instead.
    """
    from advgame.cli.app import app
    from advgame.memory import lean

    lean()  # before torch is there, and a live screen's thread
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    line = [argument for argument in given if argument != "--debug"]
    try:
        app(["--debug", *line] if debug else line, prog_name="advgame")
    except AdvGameError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except (MemoryError, RuntimeError) as error:
        if debug or not _out_of_memory(error):
            raise
        _fail(
            "out of memory: lower engine.batch_tokens and learn.micro_batch_tokens of the players, "
            "or take smaller models (`train --dry-run` estimates what a run needs)",
            AdvGameError.exit_code,
        )
    except BrokenPipeError:
        _hush()
    except OSError as error:
        if debug or not (error.filename or error.errno in _FULL):
            raise
        _fail(f"{error.filename or 'disk'}: {error.strerror}", AdvGameError.exit_code)


def _out_of_memory(error: Exception) -> bool:
    # torch.OutOfMemoryError without importing torch; its CPU allocator raises a RuntimeError.
    name, text = type(error).__name__, str(error)
    return name in ("MemoryError", "OutOfMemoryError") or "can't allocate memory" in text


def _fail(message: str, code: int) -> None:
    from advgame.hostile import clean

    lines = clean(message).splitlines()
    shown = [
        line if len(line) <= _WIDEST else f"{line[: _WIDEST // 2]} … {line[-_WIDEST // 2 :]}"
        for line in lines[:_LONGEST]
    ]
    if len(lines) > _LONGEST:
        shown.append("…")
    print("advgame: " + "\n".join(shown), file=sys.stderr)
    sys.exit(code)


def _hush() -> None:
    # Whoever read our output has gone; the interpreter must not complain when it flushes.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
