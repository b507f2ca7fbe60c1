"""The whole configuration of a run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from advgame.config.base import Config
from advgame.config.game import Counts, GameConfig, SeedsConfig
from advgame.config.judges import JudgesConfig
from advgame.config.players import Fraction, PlayerConfig
from advgame.types import Role


class Joint(Config):
    """Both players learn from the same rounds, every step."""

    type: Literal["joint"] = "joint"


class Sequential(Config):
    """An Attacker phase, then a Defender phase, repeated: the classical baseline."""

    type: Literal["sequential"] = "sequential"
    attacker_steps: int = Field(10, ge=1)
    """Steps of an Attacker phase."""
    defender_steps: int = Field(10, ge=1)
    """Steps of a Defender phase."""


class SelfPlay(Config):
    """One shared policy plays and learns both roles."""

    type: Literal["selfplay"] = "selfplay"


class Static(Config):
    """The Defender learns against a fixed set of attacks."""

    type: Literal["static"] = "static"
    attacks: str = "templates"
    """A file (fields seed_id or seed, prompt), or a collection of wrappers: `templates` (bundled),
    `pyrit-jailbreaks` or `in-the-wild-jailbreaks`."""


class AttackerOnly(Config):
    """Only the Attacker learns."""

    type: Literal["attacker-only"] = "attacker-only"


class DefenderOnly(Config):
    """Only the Defender learns."""

    type: Literal["defender-only"] = "defender-only"


Schedule = Annotated[
    Joint | Sequential | SelfPlay | Static | AttackerOnly | DefenderOnly,
    Field(discriminator="type"),
]


class PoolConfig(Config):
    """Play a share of the rounds against past selves, where both players learn in some step."""

    share: Fraction = 0.25
    """Share of the attacked seeds that are played against past selves, in equal parts by
    the players that learn in the step."""
    every: int = Field(10, ge=1)
    """A snapshot joins the pool every so many steps."""
    size: int = Field(8, ge=1)
    """Snapshots kept; the oldest leaves."""


class ValidationConfig(Config):
    """Rounds on validation seeds with the live players, judged by judges.evaluation."""

    every: int = Field(0, ge=0)
    """Steps between validations; 0 = never."""
    direct: Counts = Counts(harmful=32, benign=32)
    """Validation seeds asked as they are."""
    attacked: Counts = Counts(harmful=32, benign=32)
    """Validation seeds that the live Attacker rewrites (one prompt, one reply each)."""


class SaveConfig(Config):
    """Checkpoints."""

    every: int = Field(10, ge=0)
    """Steps between checkpoints; 0 = only at the end."""
    keep_last: int = Field(2, ge=1)
    """How many of the newest stay."""
    keep_best: str | None = None
    """Name of a metric whose best checkpoint stays too."""
    best: Literal["min", "max"] = "min"
    """Which way that metric is better."""


class TrainConfig(Config):
    """The loop."""

    steps: int = Field(100, ge=1)
    """Number of steps; with a budget, the most there can be."""
    budget_tokens: int | None = Field(None, ge=1)
    """Sampled plus trained tokens: the step that reaches them is the last, and learning-rate
    schedules span them instead of train.steps; null = no budget."""
    lag: Literal[0, 1] = 0
    """0: train on rounds as they are played. 1: the next round is played while this one trains."""
    update: Literal["split", "step"] = "split"
    """One optimiser step for each kind of seed, or one for the whole step."""
    threads: int | Literal["auto"] = "auto"
    """CPU threads; auto = the free cores."""
    validation: ValidationConfig = ValidationConfig()
    """Validation rounds."""
    save: SaveConfig = SaveConfig()
    """Checkpoints."""


class RunConfig(Config):
    """Everything that defines a run. `config.yaml` of a run folder holds all of it."""

    name: str = "run"
    """Names the default run folder."""
    seed: int = Field(0, ge=0)
    """All randomness is derived from this."""
    train: TrainConfig = TrainConfig()
    """The loop."""
    schedule: Schedule = Joint()
    """Who plays and who learns, when."""
    pool: PoolConfig | None = None
    """Opponent pool; null = off."""
    seeds: SeedsConfig = SeedsConfig()
    """Seeds."""
    attacker: PlayerConfig = PlayerConfig(format="fewshot")
    """The Attacker."""
    defender: PlayerConfig = PlayerConfig()
    """The Defender."""
    game: GameConfig = GameConfig()
    """The rules of a round."""
    judges: JudgesConfig = JudgesConfig()
    """Judges."""
    sinks: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    """Where metrics go besides metrics.jsonl."""

    @property
    def selfplay(self) -> bool:
        """Whether one policy plays both roles."""
        return isinstance(self.schedule, SelfPlay)

    def player(self, role: Role) -> PlayerConfig:
        """How a role is asked and sampled, in self-play too."""
        return self.attacker if role is Role.ATTACKER else self.defender

    def weights_of(self, role: Role) -> PlayerConfig:
        """Whose weights a role plays with: in self-play the Defender's."""
        return self.defender if self.selfplay else self.player(role)

    def part(self, role: Role) -> str:
        """The name of those weights, and of their part of a checkpoint."""
        return "shared" if self.selfplay else role.value
