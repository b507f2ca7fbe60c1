"""Ctrl-C at every moment of a run: exit code 130, how to go on, and it goes on as if nothing was.

Each run is a process of its own that gets a real SIGINT.
"""

from __future__ import annotations

import os
import shlex
import signal
import termios
import threading
from pathlib import Path

import pytest
from warm import Command, announce, interrupt_at, interrupt_while_loading, wait_at

from advgame import cli
from advgame.config import load
from advgame.store.reader import open_readonly
from advgame.train import train

OPTIONS = ["train.threads=1", "train.steps=2", "train.validation.every=1"]
PHASES = ("attack", "check", "defend", "judge", "learn", "validate", "save")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, never interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(load("tiny", OPTIONS), out)
    return out


def weights(run: Path) -> list[bytes]:
    """The players as they are in the end."""
    found = open_readonly(run).latest()
    assert found is not None and found.step == 2
    return [path.read_bytes() for path in sorted(found.path.rglob("*.safetensors"))]


def stopped(command: Command, out: Path) -> str:
    """Wait for the end of an interrupted run; return the command line that it says goes on."""
    assert command.wait() == 130, command.err
    assert "Traceback" not in command.err + command.out
    said, _, again = command.err.strip().partition("To go on:  ")
    assert said.strip() == "Stopped."
    assert len(again.splitlines()) == 1
    assert not [path for path in out.rglob(".tmp-*") if path.exists()]
    return again


def goes_on(again: str, out: Path, whole: Path) -> None:
    """Do what the message said."""
    name, *line = shlex.split(again)
    assert name == "advgame"
    try:
        cli.main(line)
    except SystemExit as ended:
        assert not ended.code
    assert weights(out) == weights(whole)
    assert [line["step"] for line in open_readonly(out).metrics()] == [0, 1]


@pytest.mark.parametrize("phase", PHASES)
def test_in_every_phase(phase: str, tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "run"
    step = 0 if phase == "save" else 1  # after the last save there is nothing left to stop
    command = Command(
        "train", "tiny", *OPTIONS, "--out", str(out),
        log=tmp_path / "log", before=interrupt_at, options=[f"{step} {phase}"],
    )  # fmt: skip
    again = stopped(command, out)
    assert [found.step for found in open_readonly(out).checkpoints()] == [1]
    goes_on(again, out, whole)


def test_while_loading_nothing_is_left_yet_the_same_line_starts(
    tmp_path: Path, whole: Path
) -> None:
    out = tmp_path / "run"
    command = Command(
        "train", "tiny", *OPTIONS, "--out", str(out),
        log=tmp_path / "log", before=interrupt_while_loading,
    )  # fmt: skip
    again = stopped(command, out)
    assert not out.exists()
    goes_on(again, out, whole)


def test_a_second_process_is_refused_and_the_first_goes_on(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, gate = tmp_path / "run", tmp_path / "gate"
    line = ["train", "tiny", *OPTIONS, "--out", str(out)]
    first = Command(*line, log=tmp_path / "log", before=wait_at, options=["0 done", str(gate)])
    assert first.wait_for(": steps 0 to 2")
    with pytest.raises(SystemExit) as refused:
        cli.main([*line, "--resume"])
    assert refused.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("advgame: ") and "is in use by another process" in err
    gate.touch()
    assert first.wait() == 0
    assert weights(out) == weights(whole)


def test_the_terminal_is_as_it_was(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    seen = bytearray()
    reader = threading.Thread(target=_drain, args=(ours, seen), daemon=True)
    reader.start()
    out = tmp_path / "run"
    command = Command(
        "train", "tiny", *OPTIONS, "--out", str(out), log=tmp_path / "log",
        before=interrupt_at, options=["1 learn"], terminal=os.ttyname(theirs),
    )  # fmt: skip
    stopped(command, out)
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    reader.join(10)
    text = seen.decode("utf-8", "replace")
    assert "Step 1/2" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l")


def _drain(descriptor: int, seen: bytearray) -> None:
    try:
        while data := os.read(descriptor, 65_536):
            seen += data
    except OSError:  # how a pseudo-terminal says that the other end is closed
        pass


def test_from_outside_at_any_moment(tmp_path: Path, whole: Path) -> None:
    """No moment of our choosing: whenever the signal comes, the run can go on."""
    out = tmp_path / "run"
    line = ["train", "tiny", *OPTIONS, "--out", str(out)]
    command = Command(*line, log=tmp_path / "log", before=announce)
    assert command.wait_for("[0 learn]")
    command.signal(signal.SIGINT)
    goes_on(stopped(command, out), out, whole)
