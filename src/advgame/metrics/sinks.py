"""Where metrics go besides metrics.jsonl: TensorBoard, Weights & Biases, Trackio.

The packages are imported when a sink is built and come with the extra `track`. metrics.jsonl is
the record of a run; a sink is a view of it. After a resume TensorBoard is told to drop the steps
that are played again; the other two cannot forget, and ignore or repeat those steps.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from advgame.errors import ConfigError
from advgame.protocols import Sink

_PROJECT = "advgame"


def build_sinks(names: Sequence[str], out: Path) -> list[Sink]:
    """Return the sinks called `names` for the run folder `out`.

    Raises:
        ConfigError: a name is unknown, its package is not installed, or its service refuses.
    """
    unknown = [name for name in names if name not in _BUILDERS]
    if unknown:
        raise ConfigError(f"sinks: no sink '{unknown[0]}'; there are: {', '.join(_BUILDERS)}")
    return [_BUILDERS[name](out) for name in names]


def scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of metrics; what lies under "time" becomes "time/…"."""
    time_of = {f"time/{name}": value for name, value in metrics.get("time", {}).items()}
    flat = {**{name: metrics[name] for name in metrics if name != "step"}, **time_of}
    return {name: float(value) for name, value in flat.items() if isinstance(value, int | float)}


class TensorBoardSink:
    """Writes event files under `<run>/tensorboard`."""

    def __init__(self, out: Path) -> None:
        _import("tensorboard")
        self._proto = import_module("tensorboard.compat.proto.event_pb2")
        self._summary = import_module("tensorboard.compat.proto.summary_pb2")
        files = import_module("tensorboard.summary.writer.event_file_writer")
        self._writer = files.EventFileWriter(str(out / "tensorboard"))
        self._started = False

    def write(self, step: int, metrics: dict[str, Any], /) -> None:
        """Add the numbers of a step; the first call drops later steps of an earlier process."""
        if not self._started:
            start = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._add(step, session_log=start)
            self._started = True
        values = [
            self._summary.Summary.Value(tag=name, simple_value=value)
            for name, value in scalars(metrics).items()
        ]
        self._add(step, summary=self._summary.Summary(value=values))
        self._writer.flush()

    def _add(self, step: int, **content: Any) -> None:
        self._writer.add_event(self._proto.Event(wall_time=time.time(), step=step, **content))

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


class WandbSink:
    """Logs to project `advgame`; its account and mode are those of the environment (WANDB_*)."""

    def __init__(self, out: Path) -> None:
        wandb = _import("wandb")
        try:
            self._run = wandb.init(
                project=_PROJECT, name=out.name, id=_run_id(out), resume="allow", dir=str(out)
            )
        except wandb.errors.Error as error:
            raise ConfigError(
                f"sinks: wandb could not start ({_line(error)}): "
                "log in with `wandb login`, or set WANDB_MODE=offline"
            ) from error

    def write(self, step: int, metrics: dict[str, Any], /) -> None:
        """Log the numbers of a step."""
        self._run.log(scalars(metrics), step=step)

    def close(self) -> None:
        """Finish the W&B run."""
        self._run.finish()


class TrackioSink:
    """Logs to the local Trackio project `advgame`."""

    def __init__(self, out: Path) -> None:
        self._run = _import("trackio").init(project=_PROJECT, name=_run_id(out), resume="allow")

    def write(self, step: int, metrics: dict[str, Any], /) -> None:
        """Log the numbers of a step."""
        self._run.log(scalars(metrics), step=step)

    def close(self) -> None:
        """Finish the Trackio run."""
        self._run.finish()


_BUILDERS: dict[str, Callable[[Path], Sink]] = {
    "tensorboard": TensorBoardSink,
    "wandb": WandbSink,
    "trackio": TrackioSink,
}


def _run_id(out: Path) -> str:
    """Return a name that a resumed run finds again and no other folder has."""
    digest = hashlib.sha256(str(out.resolve()).encode()).hexdigest()
    return f"{out.name}-{digest[:8]}"


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"sinks: {name} is not installed: pip install 'advgame[track]', "
            f"or take {name} out of sinks"
        ) from error


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
