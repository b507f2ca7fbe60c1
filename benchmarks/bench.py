"""What the rows of one run share: options, and the step they take their work from."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from benchmarks.workload import Step, config_of, play_step


@dataclass(slots=True)
class Bench:
    """One run of the harness. `preset` is `laptop`; `tiny` tries the harness itself in seconds."""

    stack: ExitStack
    quick: bool = False
    repeats: int = 3
    threads: int = 1
    preset: str = "laptop"
    own: ExitStack | None = None
    """What a row enters, and leaves at its end."""
    _step: Step | None = None

    def step(self) -> Step:
        """A step of the preset (with `quick` a part of one), played at the first call.

        Every call gives its players their first weights back: a row finds what a run starts from.
        """
        if self._step is None:
            config = config_of(self.preset, self.quick, self.threads)
            self._step = play_step(config, self.stack)
        self._step.reset()
        return self._step

    def folder(self) -> str:
        """A folder that goes with the row, or the run where there is none."""
        return (self.own or self.stack).enter_context(TemporaryDirectory())
