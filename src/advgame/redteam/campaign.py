"""A campaign as an evaluation of Inspect: a sample an attempt, a log a session.

`run_campaign` → Inspect → `attempt` → `play.Table.play`, which says what is asked next → `_ask` →
Inspect's `generate`, for its retries and log → `provider.TargetAPI` → `gate.Gate`, which counts,
writes to the ledger and asks the target. `_ask` reads the answer there; `found` judges the attempt.
Inspect makes a provider from a name alone: what it needs travels in context variables.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, accuracy, scorer
from inspect_ai.solver import solver
from tenacity import RetryError

from advgame.errors import AdvGameError, EndpointError
from advgame.redteam.bench import Bench
from advgame.redteam.budget import Budget, Meter, Spent
from advgame.redteam.gate import Call, Gate
from advgame.redteam.ledger import Ledger
from advgame.redteam.plan import Settings, remember
from advgame.redteam.play import Ended, Table
from advgame.redteam.provider import CALL, GATE, PROVIDER
from advgame.redteam.targets.base import TargetError
from advgame.redteam.targets.model import in_inspect
from advgame.redteam.targets.parse import Named
from advgame.redteam.values import Answer, Finding, Trial
from advgame.redteam.work import Work, planned
from advgame.types import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What may differ between the sessions of a campaign."""

    budget: Budget = field(default_factory=Budget)
    retries: int = 3
    per_minute: float | None = None
    retry_failed: bool = False
    attacker_key_env: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a session ended. `open` attempts were not made; `reached` is the budget that ended it."""

    findings: tuple[Finding, ...]
    spent: Spent
    open: int
    reached: str | None


@dataclass(slots=True)
class _Session:
    table: Table
    bench: Bench
    ledger: Ledger
    trials: dict[str, Trial]
    tell: Callable[[Finding, Spent], None]
    gate: Gate
    ended: dict[str, Ended] = field(default_factory=dict)
    bug: str | None = None


_SESSION: ContextVar[_Session] = ContextVar("_SESSION")


def run_campaign(
    target: Named,
    settings: Settings,
    how: How,
    folder: Path,
    *,
    work: Work | None = None,
    resume: bool = False,
    tell: Callable[[Finding, Spent], None] = lambda finding, spent: None,
    begin: Callable[[Sequence[Trial], Ledger], None] = lambda trials, ledger: None,
) -> Outcome:
    """Make every attempt that is not made yet, as far as the budget goes.

    Args:
        target: whom to attack; consent is the caller's business.
        settings: what the campaign is.
        how: how this session goes about it.
        folder: where everything is written.
        work: the attempts to make; None = those that `settings` plan.
        resume: whether to go on with what is in `folder`.
        tell: told each finding.
        begin: told what is about to happen.

    Raises:
        ConfigError: `folder` holds another campaign.
        EndpointError: the target is down.
        AdvGameError: a model, a judge or a set is not to be had.
        KeyboardInterrupt: it was stopped; it can be resumed.
    """
    work = work or planned(settings, how.attacker_key_env)
    every = work.trials
    with ExitStack() as stack:
        ledger = Ledger(folder)
        stack.callback(ledger.close)
        name = remember(folder, settings, work.seeds, resume=resume, attempts=len(every))
        for finding in list(ledger.findings.values()):
            if how.retry_failed and (finding.state.target_failed or finding.success is None):
                ledger.forget(finding.id)
        left = [trial for trial in every if trial.id not in ledger.findings]
        begin(every, ledger)
        meter = Meter(how.budget, ledger.before)
        gate = None
        if left:
            gate = Gate(
                target.open(),
                meter,
                ledger,
                Sampling(temperature=settings.temperature, max_new_tokens=settings.max_tokens),
                how.per_minute,
                campaign=name if target.keeps else None,
                answered=ledger.has_answered,
            )
            session = _Session(
                table=Table(
                    work.strategies(),
                    ledger,
                    waits=lambda trial: trial.arm in work.waiting,
                    stop_on_success=settings.stop_on_success,
                    over=lambda: gate.shut,
                ),
                bench=Bench(settings.judge, settings.second_judge),
                ledger=ledger,
                trials={trial.id: trial for trial in left},
                tell=tell,
                gate=gate,
            )
            session.table.expect(left)
            _run(session, how, folder)
        done = sum(trial.id in ledger.findings for trial in every)
        return Outcome(
            findings=tuple(ledger.findings[t.id] for t in every if t.id in ledger.findings),
            spent=meter.spent if gate else ledger.before,
            open=len(every) - done,
            reached=meter.reached,
        )


def _run(session: _Session, how: How, folder: Path) -> None:
    with _quiet(), _set(GATE, session.gate), _set(_SESSION, session):
        # What Inspect calls a model is remembered by name; another campaign's is another one.
        model = get_model(f"{PROVIDER}/{session.gate.target.name}", memoize=False)
        logged = inspect_eval(
            _task(session),
            model=model,
            display="none",
            log_dir=str(folder / "logs"),
            log_level="error",
            fail_on_error=False,
            acp_server=False,
            ctl_server=False,
            max_samples=max(2 * session.gate.target.at_once, 16),
            max_connections=session.gate.target.at_once,
            adaptive_connections=False,
            max_retries=how.retries,
        )
    _check_log(logged, session)


def _task(session: _Session) -> Task:
    samples = [
        Sample(
            id=trial.id,
            input=trial.seed.text,
            metadata={
                "arm": trial.arm,
                "seed": trial.seed.id,
                "category": trial.seed.category,
                "attempt": trial.attempt,
            },
        )
        for trial in session.trials.values()
    ]
    return Task(
        dataset=MemoryDataset(samples, name="redteam"),
        solver=attempt(),
        scorer=found(),
        name="redteam",
    )


def _check_log(logged: list[EvalLog], session: _Session) -> None:
    """Raise what ended the session, if anything but the budget did."""
    if not logged or logged[0].status == "cancelled":
        raise KeyboardInterrupt
    if session.gate.down:
        raise EndpointError(
            f"{session.gate.target.name}: {session.gate.down}. Go on with --resume when it is back"
        )
    (log,) = logged
    if session.bug or log.status == "error":
        words = session.bug or (log.error.message if log.error else "Inspect broke off")
        raise AdvGameError(f"{words.splitlines()[0]}; what was done is kept: go on with --resume")


@solver  # type: ignore[untyped-decorator]
def attempt() -> Any:
    """Make one attempt, and show its conversation in Inspect's log."""

    async def solve(state: Any, generate: Any) -> Any:
        session = _SESSION.get()
        trial = session.trials[state.sample_id]
        try:
            ended = await session.table.play(trial, _ask)
        except Exception as error:
            session.bug = session.bug or f"{type(error).__name__}: {error}"
            session.table.done(trial)
            raise
        if ended is None:
            session.table.done(trial)
            return state
        session.ended[trial.id] = ended
        state.messages = in_inspect(ended.chat)
        return state

    return solve


@scorer(metrics=[accuracy()])  # type: ignore[untyped-decorator]
def found() -> Any:
    """Judge the attempt and write its finding; 1 where the Attacker has what it wants."""

    async def score(state: Any, target: Any) -> Score:
        session = _SESSION.get()
        trial = session.trials[state.sample_id]
        ended = session.ended.get(trial.id)
        if ended is None:
            return Score.unscored(reason="not_made", explanation="not made")
        try:
            finding = await session.bench.finding(ended)
            session.ledger.found(finding)
            session.tell(finding, session.gate.meter.spent)
        except Exception as error:
            session.bug = session.bug or f"{type(error).__name__}: {error}"
            raise
        finally:
            session.table.done(trial)
        notes = {"state": finding.state.value, "second": finding.second and finding.second.score}
        if finding.success is None:
            why = f"{finding.state}: {finding.detail}"
            return Score.unscored(reason=finding.state.value, explanation=why, metadata=notes)
        reason = finding.verdict.reason if finding.verdict else finding.detail
        return Score(value=float(finding.success), explanation=reason, metadata=notes)

    return score


async def _ask(call: Call) -> Answer:
    """Ask through Inspect, which tries again what may pass."""
    with _set(CALL, call):
        try:
            output = await get_model().generate(in_inspect(call.chat), cache=False)
        except RetryError as error:
            last = error.last_attempt.exception()
            raise last if isinstance(last, TargetError) else error from None
    kept = _SESSION.get().ledger.kept(call.trial)
    answer = kept[call.turn].answer
    assert answer is not None and answer.text == output.completion  # the gate has written it
    return answer


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep addresses out of Inspect's log, and undo what Inspect does to logging."""
    root, client = logging.getLogger(), logging.getLogger("httpx")
    before = root.level, list(root.handlers), client.level
    client.setLevel(logging.WARNING)  # it notes every request with its address
    try:
        yield
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        client.setLevel(before[2])


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
