"""The command `advgame train tiny` in this process, for tests of what goes wrong."""

from __future__ import annotations

from pathlib import Path

from advgame import cli
from advgame.store.reader import open_readonly

OPTIONS = ("train.threads=1", "train.steps=2", "train.validation.every=0", "train.save.keep_last=9")


def call(*arguments: str) -> int:
    """Run a command line in this process and return its exit code."""
    try:
        cli.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def start(*more: str, out: str = "run") -> int:
    """Train two steps of the tiny game into `out`."""
    return call("train", "tiny", *OPTIONS, *more, "--out", out)


def told(err: str) -> str:
    """The message of a command that failed, after checking its form."""
    assert err.startswith("advgame: "), err
    assert len(err.splitlines()) <= 4, err
    assert "Traceback" not in err
    return err


def files(folder: Path) -> list[str]:
    """Every file below `folder`; a lock is no content."""
    found = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in found if not name.endswith(".lock"))


def intact(run: Path, step: int) -> None:
    """Check that the run stands at its checkpoint of `step`, with no half-written file."""
    reader = open_readonly(run)
    found = reader.latest()
    assert (found.step if found else 0) == step
    assert not reader.notes
    assert not list(run.rglob(".tmp-*"))
    recorded = [line["step"] for line in reader.metrics()]
    assert recorded[:step] == list(range(step))
    assert set(reader.episode_steps()) >= set(recorded)
    for at in reader.episode_steps():
        assert reader.episodes(at)
