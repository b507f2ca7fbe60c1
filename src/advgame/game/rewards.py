"""Stage 5, rewards: the fault table, and how a judged score becomes a reward.

| who | fault | reward |
|---|---|---|
| attacker prompt | truncated, unparseable, unfaithful | −1 |
| attacker prompt | judge output unusable, or no valid reply to it | none: left out of credit |
| defender reply | truncated, unparseable | −1 |
| defender reply | prompt not valid, or judge output unusable | none: left out of credit |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from advgame.config.game import FaultRewards, JudgedReward, RewardRule
from advgame.errors import OwnCodeError
from advgame.game.phrases import Elsewhere
from advgame.imports import build_object, is_finite, running
from advgame.text import near_copy, word_overlap
from advgame.types import Judgement, Missing, Move, Reward, Role, Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reward rule sees of a valid move besides its score.

    For the Attacker `reply` is the one its prompt is judged by. `siblings` are the other valid
    moves of the group: prompts of the same seed, or replies to the same prompt. `elsewhere` knows
    the valid moves of its role for the other seeds of its kind in the round.
    """

    role: Role
    seed: Seed
    prompt: str
    reply: str
    siblings: tuple[str, ...] = ()
    elsewhere: Elsewhere | None = None


@runtime_checkable
class Rule(Protocol):
    """How a judge's score (0–10) of a move becomes its reward."""

    def __call__(self, score: float, outcome: Outcome, /) -> float:
        """Return the reward of one judged, valid move."""
        ...


def reward(
    move: Move, word: Judgement | None, faults: FaultRewards, rule: Rule, outcome: Outcome
) -> Reward:
    """A move's reward: its fault's, none if nobody could judge it, else the rule's on 0–10."""
    if move.fault is not None:
        return Reward(value=float(getattr(faults, move.fault.value)), because=move.fault)
    if word is None:
        return Reward(value=None, because=Missing.NO_VALID_REPLY)
    if word.value is None:
        return Reward(value=None, because=Missing.JUDGE_FAILED)
    return Reward(value=rule(word.value, outcome))


def judged(config: JudgedReward) -> Rule:
    """The judge's score, less what a prompt got by copying, plus what is new in a move."""

    def rule(score: float, outcome: Outcome, /) -> float:
        attack = outcome.role is Role.ATTACKER
        move = outcome.prompt if attack else outcome.reply
        if attack and near_copy(move, outcome.seed.text, config.copy_above):
            score = min(score, 0.0)
        value = score
        if attack and config.diversity and outcome.siblings:
            shared = [word_overlap(move, other) for other in outcome.siblings]
            value += config.diversity * (1.0 - sum(shared) / len(shared))
        if config.novelty and outcome.elsewhere:
            value += _paid(config, score) * (1.0 - outcome.elsewhere.shared(move))
        return value

    return rule


def _paid(config: JudgedReward, score: float) -> float:
    """Points a move whose phrases are all its own earns."""
    if not config.novelty_from:
        return config.novelty
    return config.novelty * min(max(score, 0.0) / config.novelty_from, 1.0)


def build_rule(config: RewardRule) -> Rule:
    """The rule a configuration names.

    Raises:
        ConfigError, OwnCodeError: the dotted path or entry point does not give a callable.
    """
    if isinstance(config, JudgedReward):
        return judged(config)
    path = config.path
    own = cast(Rule, build_object(path, "advgame.rewards", config.options, Rule))

    def rule(score: float, outcome: Outcome, /) -> float:
        with running(path):
            value = own(score, outcome)
        if not is_finite(value):
            raise OwnCodeError(f"{path} returned {value!r}: a reward is a finite number")
        return float(value)

    return rule
