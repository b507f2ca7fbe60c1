"""The real command in processes of its own, forked off one that has torch imported.

Importing torch and transformers takes seconds; a child forked off a process that has done so
starts in milliseconds. It is a process like any other: it can be killed, interrupted, limited.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from advgame.events import Event, Phase, RunFinished, StepDone

_PATIENCE = 120.0  # seconds; other work on the machine must not fail a test

# OpenMP threads do not survive a fork, so the one that forks must never have started any.
os.environ.setdefault("OMP_NUM_THREADS", "1")
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["__main__", "advgame.train", "advgame.cli.app", "advgame.cli.ending", "advgame.cli.live"]
)


class Command:
    """`advgame ARGUMENTS` in a child. `before` runs in it first; both must be importable."""

    def __init__(
        self,
        *arguments: str,
        log: Path,
        before: Callable[..., None] | None = None,
        options: Sequence[Any] = (),
        terminal: str | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: the command line.
            log: a name for the files that take its output: `log`.out and `log`.err.
            before: called with `options` in the child, to arrange for what is to happen.
            options: see `before`.
            terminal: a pseudo-terminal to run in, instead of standard output.
        """
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        target = (arguments, str(self._out), str(self._err), before, tuple(options), terminal)
        self._process = _SERVER.Process(target=_child, args=target)
        self._process.start()

    def wait_for(self, text: str) -> bool:
        """Wait until its standard output holds `text`; False if it ends without."""
        deadline = time.monotonic() + _PATIENCE
        while text not in self.out:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.out}\n{self.err}"
            if not self._process.is_alive():
                return text in self.out
            time.sleep(0.01)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended by itself is left alone."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Its exit code, negative after a signal."""
        self._process.join(_PATIENCE)
        assert self._process.exitcode is not None, f"did not end:\n{self.out}\n{self.err}"
        return self._process.exitcode

    @property
    def out(self) -> str:
        """What it has written so far."""
        return self._out.read_text() if self._out.exists() else ""

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text() if self._err.exists() else ""


def _child(
    arguments: Sequence[str],
    out: str,
    err: str,
    before: Callable[..., None] | None,
    options: Sequence[Any],
    terminal: str | None,
) -> NoReturn:
    code = 1
    # A shell that starts the tests in the background has SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for path, number in ((terminal or out, 1), (err, 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOCTTY, 0o644)
        os.dup2(descriptor, number)
    sys.stdout, sys.stderr = open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    try:
        from advgame.cli import main

        if before is not None:
            before(*options)
        main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


# What a command can be told to do to itself at a moment that only it knows: for `before`.


def at(moment: str, act: Callable[..., None], *options: Any) -> None:
    """Do `act(*options)` when the run reaches `moment`, see `moment_of`."""
    from advgame.cli.live import State

    take = State.take

    def watched(self: State, event: Event) -> None:
        if moment_of(event) == moment:
            act(*options)
        take(self, event)

    State.take = watched  # type: ignore[method-assign]  # in a process of its own


def moment_of(event: Event) -> str:
    """A name for an event: `1 save` is the save after step 1, `1 done` its end."""
    match event:
        case Phase():
            return f"{event.step} {event.name}"
        case StepDone():
            return f"{event.step} done"
        case RunFinished():
            return "finished"
        case _:
            return type(event).__name__


def announce() -> None:
    """Print every moment as it comes."""
    from advgame.cli.live import State

    take = State.take

    def told(self: State, event: Event) -> None:
        print(f"[{moment_of(event)}]", flush=True)
        take(self, event)

    State.take = told  # type: ignore[method-assign]  # in a process of its own


def interrupt_at(moment: str) -> None:
    """Press Ctrl-C at `moment`."""
    at(moment, os.kill, os.getpid(), signal.SIGINT)


def interrupt_while_loading() -> None:
    """Press Ctrl-C while the models are loaded."""
    from advgame import train

    def pressed(*_: Any) -> NoReturn:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_PATIENCE)
        raise AssertionError("nothing happened")

    train.build_world = pressed


def no_room_from(moment: str, size: int) -> None:
    """From `moment` on no file can grow beyond `size` bytes."""
    at(moment, _limit, size)


def _limit(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def wait_at(moment: str, file: str) -> None:
    """Stand still at `moment` until `file` is there."""
    at(moment, _wait_for, file)


def _wait_for(file: str) -> None:
    while not Path(file).exists():
        time.sleep(0.01)
