"""Replies compared with a reference's, as tasks of Inspect: `inspect eval advgame/alpaca-eval …`.

The judge is shown each pair in both orders. A preference is the mean over the orders of 1 (better),
½ (equal) and 0 (worse), so that a judge who follows the place says ½.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import SampleScore, Score, metric, scorer
from inspect_ai.solver import solver

from advgame.config.judges import GenerativeJudgeConfig, ImportedJudgeConfig, RuleJudgeConfig
from advgame.engines.gather import Gather
from advgame.errors import ConfigError, SeedError
from advgame.evals.catalog import PAIRWISE, PairwiseTask
from advgame.evals.contests import Contest, contests
from advgame.evals.judging import build
from advgame.evals.tasks import ON_SCORE, ask, asking
from advgame.judges.named import parse_judge
from advgame.metrics.winrate import length_controlled, win_rate
from advgame.protocols import Judge, JudgeGroup
from advgame.types import Judgement, Kind, Role, Seed


def build_pairwise(
    spec: PairwiseTask,
    against: Sequence[Contest],
    *,
    judge: str,
    allow_training_judge: bool = False,
    kept: bool = True,
) -> Task:
    """A task of Inspect that asks the prompts of `against` and compares the replies.

    `kept`: what an endpoint answered today is not asked again.

    Raises:
        ConfigError: a contest has no reference reply.
    """
    samples = [
        Sample(
            id=each.id,
            input=each.prompt,
            target=_reply(spec, each),
            metadata={"category": each.category, "fault": None},
        )
        for each in against
    ]
    return asking(spec, samples, ask(judge, allow_training_judge, kept), preferred(judge))


def build_reference(
    spec: PairwiseTask, against: Sequence[Contest], *, judge: str, kept: bool = True
) -> Task:
    """A task of Inspect that puts the prompts of `against` to a reference, which nobody judges."""
    samples = [Sample(id=each.id, input=each.prompt, metadata={"fault": None}) for each in against]
    named = replace(spec, name=f"{spec.name}-reference")
    return asking(named, samples, [ask(judge, True, kept), tell()], None)


@solver  # type: ignore[untyped-decorator]
def tell() -> Any:
    """Tell a progress bar of an answer."""

    async def solve(state: Any, generate: Any) -> Any:
        ON_SCORE.get()()
        return state

    return solve


def _reply(spec: PairwiseTask, contest: Contest) -> str:
    if contest.reference is None:
        raise ConfigError(f"{spec.name} brings no replies to compare with: name --reference MODEL")
    return contest.reference


@cache
def comparing_judge(text: str) -> Judge:
    """The judge that `text` names, comparing in both orders.

    Raises:
        SeedError: it is one that looks at a reply alone.
        AdvGameError: it cannot be made.
    """
    config = parse_judge(text)
    if isinstance(config, GenerativeJudgeConfig):
        return build(config.model_copy(update={"mode": "pairwise", "both_orders": True}))
    if isinstance(config, ImportedJudgeConfig | RuleJudgeConfig):
        return build(config)
    raise SeedError(
        f"judge {text} cannot compare replies: name a language model, --judge openai:MODEL@BASE_URL"
    )


@metric  # type: ignore[untyped-decorator]
def wins() -> Any:
    """The win rate and, at equal length, the length-controlled one."""

    def compute(scores: list[SampleScore]) -> dict[str, Any]:
        return _flat(summary([each.score for each in scores]))

    return compute


def _flat(found: dict[str, Any]) -> dict[str, Any]:
    """Numbers only, a name each, as Inspect shows metrics."""
    rows = {"": found, "length_controlled_": found["length_controlled"]}
    return {
        prefix + key: value
        for prefix, row in rows.items()
        for key, value in row.items()
        if isinstance(value, int | float)
    }


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Win rates of compared replies, JSON-ready.

    Returns:
        `value`, `low`, `high`, `n`, `unscored`; `length_controlled`: the same at equal length;
        `characters`: mean length of both; `position_bias`: points that the first place is worth.
    """
    notes = [each.metadata or {} for each in scores]
    preferences = [preference(each) for each in scores]
    own = [each.get("characters", 0) for each in notes]
    other = [each.get("reference_characters", 0) for each in notes]
    biases = [each["position_bias"] for each in notes if each.get("position_bias") is not None]
    return {
        **win_rate(preferences),
        "length_controlled": length_controlled(preferences, own, other),
        "characters": {
            "model": _mean([each["characters"] for each in notes if "characters" in each]),
            "reference": _mean(
                [each["reference_characters"] for each in notes if "characters" in each]
            ),
        },
        "position_bias": _mean(biases),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def preference(score: Score) -> float | None:
    """What a score says; None = unscored."""
    value = float(score.value)
    return None if math.isnan(value) else value


@scorer(metrics=[wins()])  # type: ignore[untyped-decorator]
def preferred(judge: str) -> Any:
    """1 where the reply beats the reference in both orders, 0 where it loses; else between."""

    async def score(state: Any, target: Any) -> Score:
        found = await _compare(state, target.text, judge)
        ON_SCORE.get()()
        return found

    return score


async def _compare(state: Any, reference: str, judge: str) -> Score:
    if state.output.empty or state.output.stop_reason == "model_length":
        return Score.unscored(reason="no_response", explanation="the prompt does not fit the model")
    reply = state.output.completion
    notes = {"characters": len(reply), "reference_characters": len(reference)}
    if reply.strip() == reference.strip():
        return Score(value=0.5, answer=reply, explanation="the same reply", metadata=notes)
    prompt = state.input_text
    own, other = await _ask_judge(judge)(
        JudgeGroup(
            role=Role.DEFENDER,
            seed=Seed(id=str(state.sample_id), text=prompt, kind=Kind.BENIGN),
            request=prompt,
            replies=(reply, reference),
        )
    )
    if own.value is None or other.value is None:
        return Score.unscored(reason="grader_failed", answer=reply, metadata=notes)
    notes["position_bias"] = own.details.get("position_bias")  # type: ignore[assignment]
    return Score(
        value=fmean(_orders(own, other)), answer=reply, explanation=own.raw, metadata=notes
    )


def _orders(own: Judgement, other: Judgement) -> list[float]:
    """1, ½ or 0 an order; a judge that tells no orders gives one verdict."""
    first, second = (each.details.get("shown_first") for each in (own, other))
    if first is None or second is None:
        return [_better(own.value, other.value)]
    return [
        _better(first, other.details["shown_second"]),
        _better(own.details["shown_second"], second),
    ]


def _better(own: Any, other: Any) -> float:
    return 0.5 if own == other else float(own > other)


@cache
def _ask_judge(judge: str) -> Gather[JudgeGroup, tuple[Judgement, ...]]:
    return Gather(comparing_judge(judge).judge)


def _register(spec: PairwiseTask) -> None:
    """Make a task that brings its own reference known to Inspect."""

    def make(judge: str, allow_training_judge: bool = False) -> Task:
        comparing_judge(judge)  # refuse before anything is asked
        found = contests(spec, None)
        return build_pairwise(spec, found, judge=judge, allow_training_judge=allow_training_judge)

    make.__name__ = spec.name.replace("-", "_")
    make.__doc__ = f"{spec.name}: {spec.counts} against the set's own baseline."
    task(name=spec.name)(make)


for _spec in PAIRWISE.values():
    if _spec.baseline:
        _register(_spec)
