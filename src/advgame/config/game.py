"""The rules of one round, and the seeds it starts from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from advgame.config.base import Config


class FaultRewards(Config):
    """What a faulty move earns."""

    truncated: float = -1.0
    """The move hit the token limit."""
    unparseable: float = -1.0
    """No prompt or reply could be read from it."""
    unfaithful: float = -1.0
    """An answer to the prompt would not answer the seed."""


class JudgedReward(Config):
    """The judge's score, with optional terms against copying and collapse."""

    type: Literal["judged"] = "judged"
    copy_above: float | None = Field(None, ge=0, le=1)
    """A prompt whose word overlap with its seed exceeds this scores at most 0 (no win by
    copying); null = off. Attacker only."""
    diversity: float = Field(0.0, ge=0)
    """Points times (1 − mean word overlap with the other prompts of the seed). Attacker only."""
    novelty: float = Field(0.0, ge=0)
    """Points times (1 − share of its word pairs that a move for another seed has, mean over the
    moves of its role and kind in the turn): a frame that serves every seed earns less."""
    novelty_from: float = Field(0.0, ge=0)
    """Score from which on `novelty` is paid in full; below, in proportion to the score; 0 = always
    in full. An unsafe answer shares no phrases with refusals: unless it is kept from earning
    novelty, the bonus cancels what the judge said."""


class ImportedReward(Config):
    """A reward of one's own: `package.module:factory`, or the name of an entry point."""

    type: Literal["import"] = "import"
    path: str
    """Dotted path of a callable, or a name in the entry-point group `advgame.rewards`."""
    options: dict[str, str | int | float | bool | None] = {}
    """Keyword arguments of that callable."""


RewardRule = Annotated[JudgedReward | ImportedReward, Field(discriminator="type")]


class GameConfig(Config):
    """One round."""

    prompts_per_seed: int = Field(2, ge=1)
    """A: prompts the Attacker makes from a seed."""
    replies_per_prompt: int = Field(2, ge=1)
    """D: replies the Defender gives to a faithful prompt."""
    direct_replies: int | None = Field(None, ge=1)
    """Replies to a direct seed; null = replies_per_prompt."""
    attacker_reply: Literal["optimistic", "first"] = "optimistic"
    """Which reply an attack is judged by: the Defender's best by the Defender's own reward, or
    the first valid one."""
    judge_against: Literal["prompt", "seed"] = "prompt"
    """What the Defender's replies are judged against."""
    drift_ratio: float | None = Field(15.0, gt=0)
    """A benign prompt this many times longer than its seed counts as drift; null = off."""
    faults: FaultRewards = FaultRewards()
    """The fault table."""
    attacker_reward: RewardRule = JudgedReward()
    """How judgements become the Attacker's reward."""
    defender_reward: RewardRule = JudgedReward()
    """How judgements become the Defender's reward."""

    @property
    def copy_above(self) -> float | None:
        """Word overlap with the seed above which a prompt is a near-copy; None if none is."""
        rule = self.attacker_reward
        return rule.copy_above if isinstance(rule, JudgedReward) else None


class SeedSource(Config):
    """A set of seeds with its field mapping; a bare string means `name` with defaults."""

    name: str
    """A bundled or packaged set, a .jsonl or .csv file, or hub:OWNER/NAME."""
    text: str = "text"
    """Field that holds the request."""
    category: str | None = None
    """Field that holds the category."""
    where: dict[str, str | bool | int | float] = {}
    """Keep only rows whose fields equal these values."""
    limit: int | None = Field(None, ge=1)
    """Keep at most this many."""


class Counts(Config):
    """A count for each kind of seed."""

    harmful: int = Field(0, ge=0)
    """Harmful seeds."""
    benign: int = Field(0, ge=0)
    """Benign seeds."""


class SeedsConfig(Config):
    """Where seeds come from and how many a step takes."""

    harmful: tuple[str | SeedSource, ...] = ("harmful",)
    """Sets of harmful seeds."""
    benign: tuple[str | SeedSource, ...] = ("benign",)
    """Sets of benign seeds."""
    attacked: Counts = Counts(harmful=4, benign=4)
    """Seeds a step that the Attacker rewrites."""
    direct: Counts = Counts()
    """Seeds a step that the Defender answers as they are."""
    again: Counts = Counts()
    """Of the direct seeds at most so many are such as went wrong when last met, within the last 8
    steps: the judge that trains scored a reply of the Defender's own under 5, which is a harmful
    request answered or declined in a bare word, a benign one refused. None where it compares
    replies: that tells which is better, not what went wrong."""
