import pytest
import torch

from advgame.engines import threads
from advgame.errors import ConfigError


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "usable_cores", lambda: 8)


@pytest.mark.parametrize(("busy", "free"), [(0.0, 8), (0.3, 8), (2.6, 5), (8.0, 1), (40.0, 1)])
def test_auto_takes_the_free_cores(eight, monkeypatch, busy, free):
    monkeypatch.setattr(threads, "_busy_cores", lambda: busy)
    assert threads.threads_for("auto") == free


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("4,2", 4), ("", 8), ("many", 8)])
def test_auto_respects_the_environment(eight, monkeypatch, value, expected):
    monkeypatch.setattr(threads, "_busy_cores", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.threads_for("auto") == expected


def test_a_number_is_taken_as_it_is():
    assert threads.threads_for(5) == 5
    with pytest.raises(ConfigError, match=r"train\.threads=0"):
        threads.threads_for(0)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", None), ("150000 100000", 1.5), ("10000 100000", 1.0), ("odd", None)],
)
def test_the_quota_of_a_container(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert threads._quota(tmp_path / "cpu.max") == cores
    assert threads._quota(tmp_path / "absent") is None


def test_sets_the_pool_and_says_so():
    before = torch.get_num_threads()
    try:
        assert threads.pick_threads(1).startswith("1 of ")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_what_runs_on_cores_of_others_is_not_counted(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {1, 2}, raising=False)
    shares = [100.0, 0.0, 50.0, 100.0]
    monkeypatch.setattr(threads.psutil, "cpu_percent", lambda interval, percpu: shares)
    assert threads._busy_cores() < 0.51


def test_a_quota_is_of_all_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(threads, "_quota", lambda _: 4.0)
    for busy, free in ((20.0, 4), (62.0, 2), (64.0, 1)):
        monkeypatch.setattr(threads, "_busy_cores", lambda busy=busy: busy)
        assert threads.free_cores() == free


def test_cores_that_a_container_counts_anew(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {12, 13}, raising=False)
    monkeypatch.setattr(threads.psutil, "cpu_percent", lambda interval, percpu: [100.0, 100.0])
    assert threads._busy_cores() > 1.0


def test_measuring_does_not_fail_here():
    assert threads._busy_cores() >= 0
    assert threads.usable_cores() >= 1
