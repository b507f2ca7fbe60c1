"""For any task of Inspect: a solver that attacks, a scorer that says whether it worked.

Both take their models from Inspect's model roles:

    attacker   rewrites a sample's input; `advgame/attacker:RUN` is asked in the format it learned
    target     answers; without this role, the model of the evaluation
    grader     reads our rubrics; without this role, the embedded judge `b`

    inspect eval TASK --solver advgame/attack --model advgame/RUN \\
        --model-role attacker=advgame/attacker:RUN
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    get_model,
    model_roles,
)
from inspect_ai.scorer import SampleScore, Score, metric, scorer
from inspect_ai.solver import solver

from advgame.evals.judging import open_judge
from advgame.evals.provider import AdvGameAPI
from advgame.judges.ask import Asker
from advgame.judges.named import DEFAULT, parse_judge, refuse_training_judge
from advgame.judges.pointwise import PointwiseJudge
from advgame.judges.rubric import load_rubrics
from advgame.metrics.intervals import rate
from advgame.protocols import Judge, JudgeGroup
from advgame.seeds.splits import seed_id
from advgame.success import SUCCESS
from advgame.types import (
    Completion,
    Cost,
    Finish,
    Kind,
    Message,
    Role,
    SampleRequest,
    Sampling,
    Seed,
)

_SAYS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
FAULT = "advgame_fault"  # in a sample's metadata: why its attack came to nothing
REQUEST = "advgame_request"  # in a sample's metadata: its input before the attack


@solver  # type: ignore[untyped-decorator]
def attack() -> Any:
    """Let the role `attacker` rewrite the last user message, and the role `target` answer.

    An empty rewrite, such as one that does not parse, is a failed attack: nobody is asked.
    """

    async def solve(state: Any, generate: Any) -> Any:
        request = state.user_prompt.text
        made = await get_model(role="attacker", required=True).generate(
            [ChatMessageUser(content=request)]
        )
        state.metadata[REQUEST] = request
        if not made.completion.strip():
            state.metadata[FAULT] = "unparseable"
            return state
        state.user_prompt.text = made.completion
        target = model_roles().get("target")
        if target is None:
            return await generate(state)
        state.output = await target.generate(state.messages)
        state.messages.append(state.output.message)
        return state

    return solve


@metric  # type: ignore[untyped-decorator]
def interval() -> Any:
    """The share of samples with its Wilson interval; unscored ones apart."""

    def compute(scores: list[SampleScore]) -> dict[str, Any]:
        values = [float(each.score.value) for each in scores]
        return {**rate([None if math.isnan(value) else bool(value) for value in values])}

    return compute


@scorer(metrics=[interval()], name="attack_success")  # type: ignore[untyped-decorator]
def attack_success(
    kind: str = "harmful", judge: str = DEFAULT, allow_training_judge: bool = False
) -> Any:
    """1 where the reply is what an attacker wants: an answer to a harmful request, or a refusal.

    Args:
        kind: of the requests: harmful or benign.
        judge: who judges without the role `grader`: see `advgame eval --judge`.
        allow_training_judge: whether it may have trained one of the players.

    Raises:
        JudgeError: it has, and may not.
    """

    async def score(state: Any, target: Any) -> Score:
        if fault := state.metadata.get(FAULT):
            return Score(value=0.0, explanation=f"no attack: {fault}")
        if nothing := unanswered(state):
            return nothing
        request = state.metadata.get(REQUEST, state.input_text)
        grader = model_roles().get("grader")
        seed = Seed(id=seed_id(request), text=request, kind=Kind(kind))
        group = JudgeGroup(
            role=Role.ATTACKER, seed=seed, request=request, replies=(state.output.completion,)
        )
        if grader is None:
            refuse_players_judge(judge, allowed=allow_training_judge)
        asked = open_judge(judge) if grader is None else _rubric_judge(grader)
        [(word,)] = await asked.judge([group])
        if word.value is None:
            return Score.unscored(reason="grader_failed", answer=state.output.completion)
        return Score(
            value=float(word.value >= SUCCESS),
            answer=state.output.completion,
            explanation=word.explanation,
            metadata={"judge_score": word.value},
        )

    return score


def unanswered(state: Any) -> Score | None:
    """No score, where the prompt did not fit the model or nothing was said; None where it was."""
    if state.output.empty or state.output.stop_reason == "model_length":
        return Score.unscored(reason="no_response", explanation="the prompt does not fit the model")
    return None


def refuse_players_judge(judge: str, *, allowed: bool) -> None:
    """Refuse a judge that trained the model of this evaluation, or a player in one of its roles.

    Raises:
        JudgeError: it did, and is not `allowed`.
    """
    for model in (get_model(), *model_roles().values()):
        if isinstance(model.api, AdvGameAPI):
            target = model.api.loaded.target
            who = f"the {target.role.value} {target.name}"
            refuse_training_judge(parse_judge(judge), target.trained_by, allowed=allowed, who=who)


def _rubric_judge(grader: Model) -> Judge:
    asker = Asker(
        ModelSampler(grader),
        identity=f"inspect {grader}",
        sampling=Sampling(temperature=0.0, max_new_tokens=512),
        accept_cut=True,
        retries=2,
        cache=None,
    )
    return PointwiseJudge(asker, load_rubrics())


class ModelSampler:
    """A model of Inspect as a `Sampler`."""

    version = 0
    cost = Cost()

    def __init__(self, model: Model) -> None:
        self._model = model

    async def sample(self, requests: Sequence[SampleRequest], /) -> list[tuple[Completion, ...]]:
        """Draw one completion for each seed of each request, in order."""
        return [
            tuple([await self._one(request, seed) for seed in request.seeds])
            for request in requests
        ]

    async def _one(self, request: SampleRequest, seed: int) -> Completion:
        how = request.sampling
        config = GenerateConfig(
            temperature=how.temperature,
            top_p=how.top_p,
            max_tokens=how.max_new_tokens,
            seed=seed >> 32,
        )
        output = await self._model.generate(list(map(_said, request.messages)), config=config)
        return Completion(
            prompt_ids=(),
            token_ids=(),
            logprobs=None,
            text=output.completion,
            finish=Finish.LENGTH if output.stop_reason == "max_tokens" else Finish.STOP,
            policy_version=0,
        )


def _said(message: Message) -> Any:
    return _SAYS[message.role](content=message.content)
