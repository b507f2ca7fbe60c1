import logging
import pickle
import sqlite3
from pathlib import Path

import pytest

from advgame.judges.cache import VerdictCache


def test_keeps_text_across_openings(tmp_path: Path) -> None:
    VerdictCache(tmp_path).put("key", "Verdict: 7 — naïve")
    again = VerdictCache(tmp_path)
    assert again.get("key") == "Verdict: 7 — naïve"
    assert again.get("other") is None


def test_large_text_stays_in_the_database(tmp_path: Path) -> None:
    VerdictCache(tmp_path).put("key", "x" * 200_000)
    assert VerdictCache(tmp_path).get("key") == "x" * 200_000
    assert not list(tmp_path.rglob("*.val"))


def test_damaged_cache_warns_once_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache.db").write_bytes(b"this is no database" * 1000)
    with caplog.at_level(logging.WARNING):
        cache = VerdictCache(tmp_path)
        cache.put("key", "value")
        assert cache.get("key") is None
    assert len(caplog.records) == 1
    assert str(tmp_path) in caplog.text


def test_full_disk_warns_once_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = VerdictCache(tmp_path)

    def full(*args: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(cache._store, "set", full)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            cache.put("key", "value")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "disk is full" in caplog.text


def test_folder_that_cannot_be_made_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    assert VerdictCache(tmp_path / "file" / "cache").get("key") is None
    assert "unusable" in caplog.text


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_a_planted_pickle_is_never_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    VerdictCache(tmp_path).put("key", "value")
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Bomb()),))
    database.close()
    assert VerdictCache(tmp_path).get("key") is None
    assert "not text" in caplog.text
