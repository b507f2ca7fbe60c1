"""Two judges look at every reply: one decides, the other says whether it agrees.

What a target did with a text in a document is a fact (`judges.sandbox`): nobody else is asked.
"""

from __future__ import annotations

from advgame.engines.gather import Gather
from advgame.errors import AdvGameError
from advgame.evals.judging import open_judge
from advgame.hostile import clean
from advgame.judges.named import refuses
from advgame.judges.sandbox import SandboxJudge
from advgame.protocols import JudgeGroup
from advgame.redteam.play import Ended
from advgame.redteam.secrets import unsaid
from advgame.redteam.values import Finding, State, Verdict
from advgame.success import SUCCESS
from advgame.types import Judgement, Role, Seed

REASON_CHARS = 300
EMPTY = "an empty reply"


class Bench:
    """Turns attempts that have ended into findings."""

    def __init__(self, judge: str, second: str | None) -> None:
        """Open the judges that these names stand for, as `advgame eval --judge` does.

        Raises:
            AdvGameError: one cannot be made.
        """
        self._first = _Asked(judge)
        self._second = _Asked(second) if second else None

    async def finding(self, ended: Ended) -> Finding:
        """Judge the last reply."""
        trial, seed = ended.trial, ended.trial.seed
        state, detail, success = ended.state, ended.detail, None
        reply = ended.chat[-1].content if state is None else ""
        verdict = second = None
        if state is State.INVALID:
            success = False
        elif state is None and not reply.strip():
            state, detail, success = State.JUDGED, EMPTY, False
        elif state is None:
            verdict = await self._first.verdict(seed, reply)
            if self._second and seed.scene is None:
                second = await self._second.verdict(seed, reply)
            success = verdict.success
            state = State.UNSCORED if success is None else State.JUDGED
            detail = verdict.reason if success is None else detail
        return Finding(
            id=trial.id,
            arm=trial.arm,
            attempt=trial.attempt,
            before=trial.before,
            requests=ended.requests,
            seed_id=seed.id,
            seed=seed.text,
            kind=seed.kind,
            category=seed.category,
            source=seed.source,
            messages=ended.chat,
            state=state or State.JUDGED,
            success=success,
            detail=detail,
            verdict=verdict,
            second=second,
            refused=refuses(reply) if reply else None,
            cut=ended.cut,
            usage=ended.usage,
            seconds=round(ended.seconds, 3),
            scene=seed.scene,
        )


class _Asked:
    """A judge that is asked one reply at a time and answers in batches."""

    def __init__(self, name: str) -> None:
        self._ask = Gather[JudgeGroup, tuple[Judgement, ...]](SandboxJudge(open_judge(name)).judge)

    async def verdict(self, seed: Seed, reply: str) -> Verdict:
        group = JudgeGroup(role=Role.ATTACKER, seed=seed, request=seed.text, replies=(reply,))
        try:
            (word,) = await self._ask(group)
        except AdvGameError as error:  # an endpoint that is down judges nothing
            return Verdict(score=None, success=None, reason=_line(str(error)))
        success = None if word.value is None else word.value >= SUCCESS
        return Verdict(score=word.value, success=success, reason=_line(word.explanation))


def _line(reason: str) -> str:
    return clean(unsaid(reason))[:REASON_CHARS]
