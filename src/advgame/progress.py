"""How far a run is: the part of a checkpoint that belongs to the driver, not to a learner."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from advgame.config.root import TrainConfig
from advgame.rounds import Round
from advgame.store.episodes import from_line, to_line
from advgame.types import Cost, UpdateStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Steps done, what they cost, and the round played ahead of training (lag 1).

    `threads`: how many computed before the checkpoint that this was read from; None = not known.
    """

    step: int = 0
    cost: Cost = field(default_factory=Cost)
    pending: Round | None = None
    threads: int | None = None

    def add(
        self, step: int, played: Round, stats: Mapping[str, Sequence[UpdateStats | None]]
    ) -> Progress:
        """The progress after one more step."""
        updates = [each.cost for done in stats.values() for each in done if each is not None]
        return replace(self, step=step, cost=sum(updates, self.cost + played.cost), pending=None)

    def spent(self, config: TrainConfig) -> float | None:
        """The share of the budget that is spent, which the last step may overshoot."""
        if config.budget_tokens is None:
            return None
        return self.cost.spent_tokens / config.budget_tokens

    def ended(self, config: TrainConfig) -> bool:
        """Whether the run is over: all steps are done or the budget is spent."""
        return self.step >= config.steps or (self.spent(config) or 0.0) >= 1.0

    def metrics(self) -> dict[str, float]:
        """Cumulative cost since step 0, by metric name."""
        return {f"cost/{name}": value for name, value in asdict(self.cost).items()}

    def writer(self, pending: Round | None) -> Callable[[Path], None]:
        """What writes this progress, and the pending round, into a checkpoint's folder."""

        def write(folder: Path) -> None:
            state = {
                "step": self.step,
                "cost": asdict(self.cost),
                "threads": torch.get_num_threads(),
                "pending": None,
            }
            if pending is not None:
                state["pending"] = {
                    "turns": [[to_line(each) for each in turn] for turn in pending.episodes],
                    "cost": asdict(pending.cost),
                }
            (folder / "driver.json").write_text(json.dumps(state), encoding="utf-8")

        return write

    @staticmethod
    def read(folder: Path) -> Progress:
        """Read what `writer` wrote."""
        state = json.loads((folder / "driver.json").read_text(encoding="utf-8"))
        pending = None
        if state["pending"] is not None:
            pending = Round(
                episodes=tuple(
                    tuple(from_line(line) for line in turn) for turn in state["pending"]["turns"]
                ),
                cost=Cost(**state["pending"]["cost"]),
                seconds={},
            )
        return Progress(
            step=state["step"],
            cost=Cost(**state["cost"]),
            pending=pending,
            threads=state.get("threads"),
        )
