"""Attackers and Defenders from any run and any checkpoint meet on the same seeds.

What an Attacker writes does not depend on who answers, and every draw depends on its seed alone.
So prompts are made once and put to each Defender, and any two cells on the same seeds are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from advgame.config import RunConfig
from advgame.engines.build import build_sampler
from advgame.errors import ConfigError
from advgame.game.attack import attack
from advgame.game.check import Checked, check
from advgame.game.defend import defend
from advgame.game.seat import FixedSeat, Seat
from advgame.judges.faithfulness import NoCheck
from advgame.learn.checkpoint import load_weights
from advgame.models.build import build_players
from advgame.models.weights import PlayerWeights, SetName
from advgame.protocols import FaithfulnessCheck, Judge
from advgame.seats import seat_of
from advgame.seeds.attacks import Wrapped
from advgame.seeds.templates import load_templates
from advgame.store.reader import open_readonly
from advgame.store.select import Which, resolve_checkpoint
from advgame.types import Episode, Fault, Judgement, Move, Role, Seed, Weights
from advgame.validation import judge_rows
from advgame.world import Judges

DRAW = (0, "measure", 0)  # the same for all, so that cells are paired
_UNUSABLE = "unusable"


MARKS: Final = {True: "1", False: "0", None: "?"}
"""How an outcome stands in a record: the attack worked, it did not, nobody could say."""


class RunPlayers:
    """Both players of a run in memory, as they began and as they are at one checkpoint."""

    def __init__(self, config: RunConfig, run: Path) -> None:
        """Load the networks of `config`, untrained; `run` is where its checkpoints lie.

        Raises:
            AdvGameError: a player is remote or cannot be loaded.
        """
        self.run = run
        self.config = config
        self.weights = build_players(
            self.config.attacker,
            self.config.defender,
            self.config.seed,
            shared=self.config.selfplay,
        )
        missing = [role.value for role in Role if role not in self.weights]
        if missing:
            raise ConfigError(
                f"{run}: the {missing[0]} is remote; only players in process are measured"
            )
        self._judges = Judges(self.config, run)

    @classmethod
    def of(cls, run: Path) -> RunPlayers:
        """Load the networks of a run folder, untrained.

        Raises:
            AdvGameError: no such run, or as the constructor.
        """
        return cls(open_readonly(run).config, run)

    def load(self, step: Which) -> int:
        """Take the weights of a checkpoint; return its step.

        Raises:
            StoreError: there is none, or it is damaged.
        """
        checkpoint = resolve_checkpoint(self.run, step)
        for role, own in self.weights.items():
            part = checkpoint.path / self.config.part(role)
            if part.is_dir():  # a player that never learned is what it was at the start
                load_weights(part, own, _sets(part))
        return checkpoint.step

    def seat(
        self, role: Role, which: Literal["start", "trained"], weights: Weights | None = None
    ) -> Seat:
        """A player as it began, or as it is at the checkpoint last loaded.

        Args:
            role: which player.
            which: as it began or as it is.
            weights: what was trained or its average; None = those that play in the run.
        """
        player = self.config.player(role)
        name: SetName = "start" if which == "start" else weights or player.learn.sample_from
        return seat_of(self.config, role, build_sampler(player, self.weights[role], name))

    @property
    def defender(self) -> PlayerWeights:
        """The Defender's weights, for figures that need them."""
        return self.weights[Role.DEFENDER]

    def check(self) -> FaithfulnessCheck:
        """The run's own faithfulness check."""
        return self._judges.check()

    def judge(self) -> Judge:
        """The run's evaluation judge."""
        return self._judges.evaluation()


def _sets(part: Path) -> tuple[SetName, ...]:
    """What a checkpoint's part holds; a fork's start is another run's player."""
    return (
        ("policy", "ema", "start") if (part / "start.safetensors").is_file() else ("policy", "ema")
    )


async def attacks(
    seeds: Sequence[Seed],
    seat: Seat,
    judge: FaithfulnessCheck,
    drift_ratio: float | None,
) -> list[Checked]:
    """One prompt a seed by the Attacker at `seat`, checked; direct seeds are their own prompt."""
    prompts = await attack(seeds, seat, prompts=1, draw=DRAW)
    checked = await check(seeds, prompts, judge, drift_ratio=drift_ratio)
    return [prompt for (prompt,) in checked]


async def fixed_attacks(
    seeds: Sequence[Seed], collection: str, longest: int | None = None
) -> list[Checked]:
    """Each seed in one wrapper of a collection's test half, drawn by the seed.

    Args:
        seeds: what to wrap.
        collection: a name of `seeds.templates`.
        longest: characters of the longest wrapper to take; None = all.

    Raises:
        ConfigError: no wrapper is that short.
        SeedError, AssetError: the collection cannot be had.
    """
    templates = tuple(
        template
        for template in load_templates(collection, "test")
        if longest is None or sum(map(len, template.pieces)) <= longest
    )
    if not templates:
        raise ConfigError(f"no template of {collection} has at most {longest} characters")
    wrapped = Wrapped(seeds, templates)
    ids = {seed.text: seed.id for seed in seeds}
    return await attacks(seeds, FixedSeat(lambda text: wrapped[ids[text]]), NoCheck(), None)


async def answers(
    seeds: Sequence[Seed], prompts: Sequence[Checked], defender: Seat
) -> list[Episode[Checked]]:
    """The Defender's one reply to each prompt that is valid."""
    return await defend(
        seeds,
        [(prompt,) for prompt in prompts],
        defender,
        replies=1,
        direct_replies=1,
        guides={},
        draw=DRAW,
    )


async def meet(
    seeds: Sequence[Seed], prompts: Sequence[Checked], defender: Seat, judge: Judge
) -> list[dict[str, Any]]:
    """A judged row a seed, see `validation.judge_rows`."""
    return await judge_rows(await answers(seeds, prompts, defender), judge)


def to_plain(prompt: Checked) -> dict[str, Any]:
    """A checked prompt as a JSON value; the tokens it was written with are left out."""
    unusable = prompt.verdict is not None and prompt.verdict.value is None
    fault = prompt.move.fault.value if prompt.move.fault else None
    return {"text": prompt.move.text, "fault": _UNUSABLE if unusable else fault}


def from_plain(data: dict[str, Any]) -> Checked:
    """What `to_plain` wrote."""
    fault = data["fault"]
    if fault == _UNUSABLE:
        return Checked(Move(text=data["text"]), Judgement(value=None))
    return Checked(Move(text=data["text"], fault=Fault(fault) if fault else None))
