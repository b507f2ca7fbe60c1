from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from tiny_run import in_child, make_config, make_episode, tree

from advgame.errors import StoreError
from advgame.store import RunFolder, open_readonly
from advgame.store.atomic import append_line, staged_file, staged_folder, write_json, write_text


def test_a_write_replaces_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_text(target, "old")
    with pytest.raises(RuntimeError), staged_file(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    write_text(target, "new")
    assert tree(tmp_path) == {"deep/file": b"new"}


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with pytest.raises(RuntimeError), staged_folder(target) as temporary:
        (temporary / "a").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with staged_folder(target) as temporary:
        (temporary / "a").write_text("x")
        assert not target.exists()
    assert tree(tmp_path) == {"folder/a": b"x"}
    with pytest.raises(StoreError, match="exists already"), staged_folder(target):
        pass
    assert tree(tmp_path) == {"folder/a": b"x"}


def test_content_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power loss after the rename must find the content: fsync file, rename, fsync folder."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        seen.append("fsync temporary" if name.startswith(".tmp-") else "fsync folder")
        fsync(descriptor)

    def spy_replace(source: Any, target: Any, **options: Any) -> None:
        seen.append("rename")
        replace(source, target, **options)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    write_text(tmp_path / "file", "content")
    assert seen == ["fsync temporary", "rename", "fsync folder"]


def test_json_shows_no_control_or_bidi_character(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"text": "\x1b[31m \u202e \ud800 é"})
    assert (tmp_path / "a.json").read_bytes().isascii()
    assert b"\x1b" not in (tmp_path / "a.json").read_bytes()


def full(*args: Any, **options: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_append_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "lines"
    append_line(target, "one")
    monkeypatch.setattr(os, "fsync", full)  # the line is in the file when this fails
    with pytest.raises(StoreError, match="no room left"):
        append_line(target, "two")
    assert target.read_text() == "one\n"


def save(run: RunFolder) -> None:
    run.save(2, {"attacker": lambda f: (f / "w").write_bytes(bytes(200_000))}, {})


def safetensors_full(folder: Path) -> None:
    (folder / "w").write_bytes(bytes(100))
    raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")


def save_safetensors(run: RunFolder) -> None:
    run.save(2, {"attacker": safetensors_full}, {})


def write_step(run: RunFolder) -> None:
    run.write_step(1, {"loss": 0.5}, [make_episode(1, row, tokens=500) for row in range(40)])


def write_validation(run: RunFolder) -> None:
    run.write_validation(1, {"transcripts": [{"text": "x" * 200_000}]})


def write_summary(run: RunFolder) -> None:
    run.write_summary({"text": "x" * 200_000})


WRITES = [save, save_safetensors, write_step, write_validation, write_summary]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_is_one_line_and_nothing_half_written(
    tmp_path: Path, write: Callable[[RunFolder], None]
) -> None:
    """The file size limit makes the kernel refuse in the middle of a write, as a full disk does."""
    path = tmp_path / "run"
    with RunFolder.open(path, make_config()) as run:
        run.rewind(0)
        run.write_step(0, {"loss": 1.0}, [make_episode(0)])
        run.save(1, {"attacker": lambda f: (f / "w").write_text("good")}, {})
    before = tree(path)

    def fill_up() -> None:
        with RunFolder.open(path, make_config(), resume=True) as run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
            with pytest.raises(StoreError, match="no room left on the disk") as caught:
                write(run)
            assert "\n" not in str(caught.value)

    _, status = os.waitpid(in_child(fill_up), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert tree(path) == before
    latest = open_readonly(path).latest()
    assert latest is not None
    assert latest.step == 1


@pytest.mark.parametrize("write", [save, write_step, write_validation, write_summary])
def test_a_disk_that_fails_at_flushing_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[RunFolder], None]
) -> None:
    with RunFolder.open(tmp_path / "run", make_config()) as run:
        run.rewind(0)
        before = tree(run.path)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="no room left on the disk"):
            write(run)
        assert tree(run.path) == before


def test_other_failures_name_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"cannot write {tmp_path}/file/inner: "):
        write_text(tmp_path / "file" / "inner", "x")


def test_a_failure_of_safetensors_that_is_no_full_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"cannot write .*: tensors share memory"),
        staged_folder(tmp_path / "a"),
    ):
        raise SafetensorError("tensors share memory")


def test_a_folders_content_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may leave a checkpoint's name without its weights."""
    seen: list[str] = []
    fsync, rename = os.fsync, os.rename

    def flush(descriptor: int) -> None:
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def move(*args: Any, **named: Any) -> None:
        seen.append("rename")
        rename(*args, **named)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "rename", move)
    with staged_folder(tmp_path / "c") as folder:
        (folder / "part").mkdir()
        (folder / "part" / "w").write_text("x")
    at = seen.index("rename")
    assert {"w", "part"} <= set(seen[:at]) and seen[at - 1].startswith(".tmp-")
    assert seen[at + 1 :] == [tmp_path.name]
