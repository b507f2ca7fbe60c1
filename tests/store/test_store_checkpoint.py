from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny_run import make_config, tree

from advgame.config import RunConfig
from advgame.config.root import PoolConfig
from advgame.errors import StoreError, UnreadableError
from advgame.store import RunFolder, parse_source, resolve_checkpoint
from advgame.store import manifest as manifest_of
from advgame.store.checkpoint import idle


def config(keep_last: int = 2, keep_best: str | None = None, best: str = "min") -> RunConfig:
    return make_config(save={"keep_last": keep_last, "keep_best": keep_best, "best": best})


def save(run: RunFolder, step: int, metrics: Mapping[str, float | None] | None = None) -> Path:
    def fill(folder: Path) -> None:
        (folder / "weights.safetensors").write_bytes(f"step {step}".encode() * 50)

    return run.save(step, {"attacker": fill, "defender": fill}, metrics or {})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with checkpoints of steps 10, 20 and 30."""
    path = tmp_path / "run"
    with RunFolder.open(path, config(keep_last=3)) as folder:
        folder.rewind(0)
        for step in (10, 20, 30):
            save(folder, step, {"loss": abs(step - 20)})
    return path


def test_a_checkpoint_holds_what_its_writers_wrote(run: Path) -> None:
    found = resolve_checkpoint(run)
    assert (found.step, found.metrics) == (30, {"loss": 10})
    content = (found.folder("attacker") / "weights.safetensors").read_bytes()
    assert content == b"step 30" * 50
    with pytest.raises(StoreError, match="no part 'judge'; it has: attacker, defender"):
        found.folder("judge")


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


SPOILERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped bit": (
        lambda c: (c / "attacker/weights.safetensors").write_bytes(b"Step 30" + b"step 30" * 49),
        "attacker/weights.safetensors is altered",
    ),
    "cut": (
        lambda c: os.truncate(c / "defender/weights.safetensors", 100),
        "defender/weights.safetensors is torn",
    ),
    "lost file": (lambda c: (c / "attacker/weights.safetensors").unlink(), "incomplete"),
    "lost folder": (lambda c: shutil.rmtree(c / "defender"), "incomplete"),
    "no manifest": (lambda c: (c / "manifest.json").unlink(), "incomplete"),
    "empty manifest": (lambda c: (c / "manifest.json").write_text(""), "torn or altered"),
    "binary manifest": (lambda c: (c / "manifest.json").write_bytes(b"\xff\x00"), "altered"),
    "list manifest": (lambda c: (c / "manifest.json").write_text("[]"), "altered"),
    "other metrics": (
        lambda c: rewrite(c / "manifest.json", lambda m: m["metrics"].update(loss=0)),
        "own checksum differs",
    ),
    "file dropped from manifest": (
        lambda c: rewrite(c / "manifest.json", lambda m: m["files"].popitem()),
        "own checksum differs",
    ),
    "older one renamed": (
        lambda c: (shutil.rmtree(c), shutil.copytree(c.with_name("step-000010"), c)),
        "it was renamed",
    ),
}


@pytest.mark.parametrize("how", SPOILERS)
def test_a_spoilt_checkpoint_is_named_and_skipped(run: Path, how: str) -> None:
    spoil, says = SPOILERS[how]
    spoil(run / "checkpoints" / "step-000030")
    with RunFolder.open(run, config(keep_last=3), resume=True) as folder:
        found = folder.latest()
        assert found is not None
        assert found.step == 20
        assert len(folder.notes) == 1
        assert says in folder.notes[0]
        assert "step-000030" in folder.notes[0]
        folder.rewind(found.step)
        assert not (run / "checkpoints" / "step-000030").exists()
        save(folder, 30)
        assert resolve_checkpoint(run).step == 30


def test_what_cannot_be_read_is_not_thrown_away(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may be well again tomorrow, and the checkpoint with it."""
    before = tree(run)

    def refuse(path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(manifest_of, "file_digest", refuse)
        with (
            RunFolder.open(run, config(keep_last=3), resume=True) as folder,
            pytest.raises(UnreadableError, match="cannot be read: Input/output error"),
        ):
            folder.latest()
    assert tree(run) == before


def test_a_checkpoint_of_another_format_is_not_thrown_away(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sorted(path.name for path in (run / "checkpoints").iterdir())
    with RunFolder.open(run, config(keep_last=1), resume=True) as folder:
        monkeypatch.setattr(manifest_of, "FORMAT", 2)
        with pytest.raises(UnreadableError, match="has format 1; this advgame reads 2"):
            folder.latest()
        save(folder, 40)
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [*kept, "step-000040"]


def test_a_read_that_fails_once_deletes_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's past selves stay too: which are needed is not known."""
    past = run / "pool" / "step-000000"
    past.mkdir(parents=True)
    kept = sorted(path.name for path in (run / "checkpoints").iterdir())
    read, asked = manifest_of.read, []

    def once(folder: Path) -> dict[str, Any]:
        asked.append(folder)
        if len(asked) == 1:
            raise UnreadableError("cannot be read")
        return read(folder)

    made = config(keep_last=2).model_copy(update={"pool": PoolConfig(every=1, size=1)})
    notes: list[str] = []
    monkeypatch.setattr(manifest_of, "read", once)
    assert idle(run, made, notes) == []
    assert notes == ["left alone: cannot be read"]
    assert {path.name for path in idle(run, made, [])} == {kept[0], "step-000000"}


@pytest.mark.parametrize("how", ["a file in its place", "a folder for the manifest"])
def test_what_is_no_checkpoint_at_all_is_skipped(run: Path, how: str) -> None:
    last = run / "checkpoints" / "step-000030"
    if how == "a file in its place":
        shutil.rmtree(last)
        last.write_text("")
    else:
        (last / "manifest.json").unlink()
        (last / "manifest.json").mkdir()
    assert resolve_checkpoint(run).step == 20


def test_nothing_complete_means_step_0(run: Path) -> None:
    for path in (run / "checkpoints").iterdir():
        (path / "manifest.json").unlink()
    with RunFolder.open(run, config(keep_last=3), resume=True) as folder:
        assert folder.latest() is None
        assert len(folder.notes) == 3
        folder.rewind(0)
        assert list((run / "checkpoints").iterdir()) == []


def test_an_unrelated_file_does_no_harm(run: Path) -> None:
    (run / "checkpoints" / ".DS_Store").write_text("x")
    (run / "checkpoints" / "step-000030" / ".DS_Store").write_text("x")
    (run / "checkpoints" / "step-old").mkdir()
    assert resolve_checkpoint(run).step == 30


def test_saving_a_step_again_keeps_a_complete_one_and_replaces_a_torn_one(run: Path) -> None:
    manifest = run / "checkpoints" / "step-000030" / "manifest.json"
    before = manifest.stat().st_mtime_ns, manifest.read_bytes()
    with RunFolder.open(run, config(keep_last=3), resume=True) as folder:
        save(folder, 30)
        assert (manifest.stat().st_mtime_ns, manifest.read_bytes()) == before
        (manifest.parent / "attacker" / "weights.safetensors").write_text("torn")
        save(folder, 30)
        assert "replaced a checkpoint" in folder.notes[-1]
    assert resolve_checkpoint(run, 30).step == 30


@pytest.mark.parametrize(
    ("keep_last", "keep_best", "best", "stay"),
    [
        (1, None, "min", [60]),
        (2, None, "min", [50, 60]),
        (9, None, "min", [10, 20, 30, 40, 50, 60]),
        (1, "rate", "min", [30, 60]),
        (2, "rate", "max", [20, 50, 60]),
        (1, "absent", "min", [60]),
    ],
)
def test_the_last_and_the_best_stay(
    tmp_path: Path, keep_last: int, keep_best: str | None, best: str, stay: list[int]
) -> None:
    rates = {10: 0.5, 20: 0.9, 30: 0.1, 40: None, 50: 0.4, 60: 0.3}
    with RunFolder.open(tmp_path / "run", config(keep_last, keep_best, best)) as run:
        run.rewind(0)
        for step, value in rates.items():
            save(run, step, {"rate": value})
        assert [found.step for found in run.checkpoints()] == stay


def test_a_failing_writer_leaves_no_trace_and_the_last_one_intact(run: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("bug")

    with RunFolder.open(run, config(keep_last=3), resume=True) as folder:
        with pytest.raises(RuntimeError):
            folder.save(40, {"attacker": fail}, {})
        assert sorted(p.name for p in (run / "checkpoints").iterdir()) == [
            "step-000010",
            "step-000020",
            "step-000030",
        ]
        found = folder.latest()
        assert found is not None
        assert found.step == 30


def test_a_link_cannot_be_saved(run: Path) -> None:
    with (
        RunFolder.open(run, config(keep_last=3), resume=True) as folder,
        pytest.raises(StoreError, match="plain files only"),
    ):
        folder.save(40, {"attacker": lambda f: (f / "a").symlink_to("/etc/passwd")}, {})
    assert resolve_checkpoint(run).step == 30


def test_resolving(run: Path) -> None:
    assert resolve_checkpoint(run).step == 30
    assert resolve_checkpoint(run, 10).step == 10
    with pytest.raises(StoreError, match="no checkpoint '15'; steps with one: 10, 20, 30"):
        resolve_checkpoint(run, 15)
    with pytest.raises(StoreError, match="keeps no best"):
        resolve_checkpoint(run, "best")
    with RunFolder.open(run, config(3, "loss", "min"), resume=True):
        pass
    assert resolve_checkpoint(run, "best").step == 20


def test_resolving_verifies(run: Path) -> None:
    (run / "checkpoints/step-000010/attacker/weights.safetensors").write_text("x")
    with pytest.raises(StoreError, match="torn"):
        resolve_checkpoint(run, 10)
    for step in (10, 20, 30):
        (run / f"checkpoints/step-0000{step}/manifest.json").unlink()
    with pytest.raises(StoreError, match="no complete checkpoint; steps with one: none"):
        resolve_checkpoint(run)


def test_naming_a_source(tmp_path: Path) -> None:
    assert parse_source("runs/a") == (Path("runs/a"), None)
    assert parse_source("runs/a@120") == (Path("runs/a"), 120)
    assert parse_source("runs/a@best") == (Path("runs/a"), "best")
    (tmp_path / "b@120").mkdir()
    assert parse_source(f"{tmp_path}/b@120") == (tmp_path / "b@120", None)
    for bad in ("runs/a@", "runs/a@-1", "runs/a@last"):
        with pytest.raises(StoreError, match="RUN@120"):
            parse_source(bad)
