from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from advgame.errors import ConfigError
from advgame.metrics.sinks import build_sinks, scalars

LINE = {"step": 3, "loss": 0.5, "rate": None, "time": {"step": 2, "save": 0.25}}


class Recorder(ModuleType):
    """Stands for wandb or trackio: records what it is called with."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors = SimpleNamespace(Error=RuntimeError)
        self.refuses = ""

    def init(self, **options: Any) -> Recorder:
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.calls.append(("init", options))
        return self

    def log(self, metrics: dict[str, float], step: int) -> None:
        self.calls.append(("log", {"metrics": metrics, "step": step}))

    def finish(self) -> None:
        self.calls.append(("finish", {}))


@pytest.fixture(params=["wandb", "trackio"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(request.param)
    monkeypatch.setitem(sys.modules, request.param, recorder)
    return recorder


def test_scalars_are_flat_numbers() -> None:
    assert scalars(LINE) == {"loss": 0.5, "time/step": 2.0, "time/save": 0.25}


def test_a_service_gets_the_numbers_and_one_name_a_folder(
    tmp_path: Path, service: Recorder
) -> None:
    for folder in ("a", "a", "b"):
        (sink,) = build_sinks([service.__name__], tmp_path / folder)
        sink.write(3, LINE)
        sink.close()
    (_, first), (_, log), (last, _), (_, again), _, _, (_, other), _, _ = service.calls
    assert (first["project"], first["resume"]) == ("advgame", "allow")
    assert first == again
    assert first != other
    assert log == {"metrics": scalars(LINE), "step": 3}
    assert last == "finish"


@pytest.mark.parametrize("name", ["wandb", "trackio", "tensorboard"])
def test_a_missing_package_says_which_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # what makes `import name` fail
    with pytest.raises(ConfigError, match=rf"{name} is not installed: .*advgame\[track\]"):
        build_sinks([name], tmp_path)


def test_wandb_without_an_account_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder("wandb")
    recorder.refuses = "no API key\nsecond line"
    monkeypatch.setitem(sys.modules, "wandb", recorder)
    with pytest.raises(ConfigError, match=r"no API key\).*WANDB_MODE=offline") as caught:
        build_sinks(["wandb"], tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_sink_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tensorboard, wandb, trackio"):
        build_sinks(["csv"], tmp_path)


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, value in ((0, 1.0), (2, 7.0)):  # killed after step 3, resumed at step 2
        (sink,) = build_sinks(["tensorboard"], tmp_path)
        for step in range(start, 4):
            sink.write(step, {"step": step, "loss": value, "time": {"step": value}})
        sink.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "time/step"}
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [
        (0, 1.0),
        (1, 1.0),
        (2, 7.0),
        (3, 7.0),
    ]
