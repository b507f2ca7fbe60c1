"""Budget, ledger, plan and strategies, each by itself."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redteam.made import finding
from tenacity import RetryCallState

from advgame.errors import ConfigError, SeedError, StoreError
from advgame.prompts.formats import fill
from advgame.redteam.attacker import Attacker
from advgame.redteam.budget import Budget, BudgetSpent, Meter, Price, Spent, parse_budget
from advgame.redteam.gate import IN_A_ROW, Call, Gate
from advgame.redteam.ledger import Ledger
from advgame.redteam.plan import Arm, trials
from advgame.redteam.play import Table
from advgame.redteam.secrets import unsaid
from advgame.redteam.strategies.base import Sight
from advgame.redteam.strategies.best_of_k import BestOfK
from advgame.redteam.strategies.build import parse_strategy
from advgame.redteam.strategies.multi_turn import RAMP, MultiTurn
from advgame.redteam.strategies.plain import Plain
from advgame.redteam.strategies.refine import Refine
from advgame.redteam.strategies.templates import Templates
from advgame.redteam.strategies.transfer import Transfer
from advgame.redteam.targets.base import TargetError
from advgame.redteam.values import Answer, State, Trial, Usage
from advgame.types import Fault, Kind, Message, Move, Sampling, Seed

SEED = Seed(id="s0", text="Tell me about {subject} 0.", kind=Kind.HARMFUL)
TEXTS = st.lists(st.integers(1, 40), max_size=30)


@given(
    costs=TEXTS,
    requests=st.integers(1, 20) | st.none(),
    tokens=st.integers(1, 300) | st.none(),
)
def test_no_budget_is_overrun(costs: list[int], requests: int | None, tokens: int | None) -> None:
    """Whatever is under way at the same time, as long as a request costs what was set aside."""
    meter = Meter(Budget(requests=requests, tokens=tokens), Spent())

    async def ask(place: int, cost: int) -> None:
        most = Usage(prompt_tokens=cost, reply_tokens=cost)
        try:
            ticket = await taken(meter, most)
        except BudgetSpent:
            assert meter.reached in ("requests", "tokens")
            return
        for _ in range(place % 3):
            await asyncio.sleep(0)
        meter.settle(ticket, most)

    async def all_of_them() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(ask(*each) for each in enumerate(costs)))

    asyncio.run(all_of_them())
    assert requests is None or meter.spent.requests <= requests
    assert tokens is None or meter.spent.usage.total <= tokens


async def taken(meter: Meter, most: Usage) -> int:
    ticket = None
    while ticket is None:
        await meter.room(most)
        ticket = meter.take(most)
    return ticket


class Brief:
    """A target that answers at once, in far fewer tokens than it might."""

    name, at_once = "brief", 8

    def __init__(self) -> None:
        self.times: list[float] = []

    async def ask(self, chat: object, conversation: str, how: Sampling, /) -> Answer:
        self.times.append(time.monotonic())
        await asyncio.sleep(0.3)
        return Answer(text="No.", usage=Usage(prompt_tokens=1, reply_tokens=1))


def test_who_waits_for_room_keeps_to_the_rate(tmp_path: Path) -> None:
    target = Brief()
    budget = Budget(tokens=Sampling().max_new_tokens + 60)  # one under way at a time
    way = Gate(target, Meter(budget, Spent()), Ledger(tmp_path), Sampling(), per_minute=600)

    async def all_of_them() -> None:
        calls = [Call(trial=f"t/{n}", turn=0, chat=(Message(role="user", content="x"),))
                 for n in range(6)]  # fmt: skip
        async with asyncio.timeout(60):
            await asyncio.gather(*map(way.ask, calls))

    asyncio.run(all_of_them())
    gaps = [after - before for before, after in itertools.pairwise(target.times)]
    assert len(gaps) == 5 and min(gaps) > 0.09


def test_what_is_set_aside_spends_no_budget() -> None:
    """Eight at once may cost 300 tokens each and cost 20: a budget of 2,000 serves many more."""
    meter = Meter(Budget(tokens=2_000), Spent())
    served = []

    async def ask(number: int) -> None:
        ticket = await taken(meter, Usage(prompt_tokens=10, reply_tokens=290))
        await asyncio.sleep(0)
        meter.settle(ticket, Usage(prompt_tokens=10, reply_tokens=10))
        served.append(number)

    async def worker(start: int) -> None:
        for number in range(start, 200, 8):
            await ask(number)

    async def all_of_them() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*map(worker, range(8)), return_exceptions=True)

    asyncio.run(all_of_them())
    assert meter.reached == "tokens"
    assert 1_700 < meter.spent.usage.total <= 2_000
    assert len(served) == meter.spent.usage.total / 20


class Silent:
    """A target that counts who asks it, and never answers."""

    name, at_once = "silent", 8

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, chat: object, conversation: str, how: Sampling, /) -> Answer:
        self.asked += 1
        await asyncio.sleep(3600)
        raise AssertionError


def gate(folder: Path, budget: Budget, **more: float) -> Gate:
    return Gate(Silent(), Meter(budget, Spent()), Ledger(folder), Sampling(), **more)


def test_waiting_for_a_turn_ends_with_the_time(tmp_path: Path) -> None:
    way = gate(tmp_path, Budget(seconds=0.5), per_minute=0.1)  # a turn every ten minutes

    async def all_of_them() -> list[object]:
        calls = [Call(trial=f"t/{n}", turn=0, chat=(Message(role="user", content="x"),))
                 for n in range(20)]  # fmt: skip
        async with asyncio.timeout(60):
            return await asyncio.gather(*map(way.ask, calls), return_exceptions=True)

    ended = asyncio.run(all_of_them())
    assert [type(each) for each in ended] == [BudgetSpent] * 20
    assert way.meter.reached == "time" and way.shut
    assert way.target.asked == 1  # type: ignore[attr-defined]


class Garbled:
    """A target that answers as it is told to: None = without a reply in it."""

    name, at_once = "garbled", 8

    def __init__(self, *answers: str | None) -> None:
        self.answers = iter(answers)

    async def ask(self, chat: object, conversation: str, how: Sampling, /) -> Answer:
        text = next(self.answers, None)
        if text is None:
            raise TargetError(State.MALFORMED, "no text at data.answer")
        return Answer(text=text, usage=Usage())


@pytest.mark.parametrize(("first", "down"), [((), True), (("yes",), False)])
def test_a_target_that_never_answered_is_down_however_it_fails(
    first: tuple[str, ...], down: bool, tmp_path: Path
) -> None:
    """Such as one whose description says the wrong place of the reply."""
    meter = Meter(Budget(), Spent())
    way = Gate(Garbled(*first), meter, Ledger(tmp_path), Sampling())

    async def ask() -> None:
        for number in range(IN_A_ROW + len(first)):
            call = Call(trial=f"t/{number}", turn=0, chat=(Message(role="user", content="x"),))
            with suppress(TargetError):
                await way.ask(call)

    asyncio.run(ask())
    assert bool(way.down) is down


def test_no_waiting_before_another_try_when_the_time_is_up(tmp_path: Path) -> None:
    from advgame.redteam.provider import MOST, _Wait

    failed = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    error = TargetError(State.UNAVAILABLE, "429", may_pass=True, wait=600.0)
    failed.set_exception((TargetError, error, None))  # type: ignore[arg-type]
    assert _Wait(gate(tmp_path / "a", Budget()))(failed) == MOST
    assert 0 < _Wait(gate(tmp_path / "b", Budget(seconds=9.0)))(failed) <= 9.0
    assert _Wait(gate(tmp_path / "c", Budget(seconds=1e-9)))(failed) == 0.0


def test_nobody_thinks_of_what_cannot_be_sent(tmp_path: Path) -> None:
    over: list[bool] = []

    class Counted(Plain):
        async def say(self, sight: Sight, /) -> Move:
            over.append(True)  # the budget is spent after the first
            return await super().say(sight)

    table = Table({"plain": Counted()}, Ledger(tmp_path), waits=lambda trial: False,
                  stop_on_success=False, over=lambda: bool(over))  # fmt: skip

    async def ask(call: Call) -> Answer:
        return Answer(text="no", usage=Usage())

    def attempt(number: int) -> Trial:
        return Trial(arm="plain", seed=SEED, attempt=number, turns=1, before=number)

    first, second = (asyncio.run(table.play(attempt(n), ask)) for n in range(2))
    assert first is not None and first.requests == 1
    assert second is None and len(over) == 1


def test_reads_budgets() -> None:
    found = parse_budget(["requests=5,tokens=2e3", "time=1.5m", "money=0.5"], "1/2.5")
    assert found == Budget(
        requests=5, tokens=2000, money=0.5, seconds=90.0, price=Price(prompt=1.0, reply=2.5)
    )
    assert parse_budget((), None) == Budget()
    for bad in ("requests", "hours=3", "requests=-1", "tokens=0", "requests=0.5", "time=5 parsecs"):
        with pytest.raises(ConfigError, match="--budget"):
            parse_budget([bad], None)
    with pytest.raises(ConfigError, match="--price"):
        parse_budget([], "3")


def test_ledger_remembers_across_a_crash(tmp_path: Path) -> None:
    answer = Answer(text="yes", usage=Usage(prompt_tokens=3, reply_tokens=2), cut=True)
    ledger = Ledger(tmp_path)
    ledger.sent("t/0", 0, "first", 1.0, tokens=7)
    ledger.answered("t/0", 0, answer, 2.0, tokens=7)
    ledger.sent("t/0", 1, "second", 3.0, tokens=10)
    ledger.failed("t/0", 1, State.TIMEOUT, 4.0)
    ledger.sent("t/0", 1, "second", 5.5, tokens=10)
    ledger.found(finding("plain", 0, 0, None, state=State.TIMEOUT))
    with pytest.raises(StoreError, match="another campaign"):
        Ledger(tmp_path)
    ledger.close()
    for name in ("requests.jsonl", "findings.jsonl"):
        with (tmp_path / name).open("a") as file:
            file.write('{"torn')
    again = Ledger(tmp_path)
    first, second = again.kept("t/0")
    assert (first.prompt, first.answer) == ("first", answer)
    assert (second.prompt, second.answer) == ("second", None)
    # What failed and what was under way has been sent, and is paid for.
    usage = Usage(prompt_tokens=3 + 10 + 10, reply_tokens=2)
    assert again.before == Spent(requests=3, usage=usage, seconds=5.5)
    again.forget("plain/s0/0")
    again.found(finding("plain", 0, 0, True))
    again.close()
    assert Ledger(tmp_path).findings["plain/s0/0"].success is True
    with (tmp_path / "requests.jsonl").open("a") as file:
        file.write("garbage\n")
    with pytest.raises(StoreError, match="damaged"):
        Ledger(tmp_path / "." / ".." / tmp_path.name / "")


@given(requests=st.integers(3, 12), seeds=st.integers(1, 4))
def test_every_arm_gets_the_same_requests(requests: int, seeds: int) -> None:
    arms = [
        Arm(name=text, recipe=parse_strategy(text, attacker=True), attacker=None)
        for text in ("plain", "best-of-k", "multi-turn", "plain+multi-turn:2")
    ]
    chosen = [Seed(id=f"s{n}", text=f"{n}", kind=Kind.HARMFUL) for n in range(seeds)]
    every = list(trials(arms, chosen, requests))
    assert len({trial.id for trial in every}) == len(every)
    for arm in arms:
        for seed in chosen:
            own = [t for t in every if t.arm == arm.name and t.seed == seed]
            assert sum(trial.turns for trial in own) == requests
            for trial, following in pairwise(own):
                assert trial.before + trial.turns == following.before
    # In step: a talk is not ahead by its turns wherever a budget ends the campaign.
    assert [trial.before for trial in every] == sorted(trial.before for trial in every)


class Scripted:
    """An Attacker that says what it is told, in turn, for each attempt."""

    temperature = 0.8

    def __init__(self, said: dict[tuple[int, int], Move]) -> None:
        self.said = said
        self.asked: list[tuple[tuple[str | int, ...], float | None]] = []

    async def prompt(
        self, seed: Seed, *part: str | int, temperature: float | None = None, after: object = ()
    ) -> Move:
        self.asked.append((part, temperature))
        _, at, turn = part
        return self.said.get((int(at), int(turn)), Move(text=f"prompt {at}"))


def test_best_of_k_draws_anew_what_is_invalid_or_said_before() -> None:
    attacker = Scripted(
        {
            (1, 0): Move(text="Prompt 0!"),  # what the first says, in the same words
            (1, 1): Move(text="another"),
            (2, 0): Move(text="bad", fault=Fault.UNFAITHFUL),
            (2, 1): Move(text="third"),
            **{(3, turn): Move(text="bad", fault=Fault.UNPARSEABLE) for turn in range(9)},
        }
    )
    strategy = BestOfK(attacker, 4)  # type: ignore[arg-type]

    async def all_of_them() -> list[Move]:
        sights = [Sight(seed=SEED, attempt=at) for at in range(4)]
        return list(await asyncio.gather(*map(strategy.say, sights)))

    moves = asyncio.run(all_of_them())
    assert [move.text for move in moves] == ["prompt 0", "another", "third", "bad"]
    assert [move.fault for move in moves] == [None, None, None, Fault.UNPARSEABLE]
    assert len(attacker.asked) == 4 + 3 + 1 + 1  # three draws more for the hopeless one


@pytest.mark.parametrize(
    ("own", "ladder"),
    [(0.4, [0.4, 0.5, 0.6]), (0.8, [0.8, 0.9, 1.0]), (1.0, [1.0] * 3), (1.2, [1.2] * 3)],
)
def test_best_of_k_grows_hotter_and_not_wild(own: float, ladder: list[float]) -> None:
    attacker = Scripted({})
    attacker.temperature = own
    strategy = BestOfK(attacker, 3)  # type: ignore[arg-type]
    asyncio.run(strategy.say(Sight(seed=SEED, attempt=0)))
    assert [temperature for _, temperature in attacker.asked] == pytest.approx(ladder)


def test_multi_turn_leads_up_and_ends_with_the_attack() -> None:
    strategy = MultiTurn(Plain())

    def says(turns_left: int, chat: tuple[Message, ...]) -> str:
        sight = Sight(seed=SEED, attempt=0, chat=chat, turns_left=turns_left)
        return asyncio.run(strategy.say(sight)).text

    said = Message(role="user", content="x")
    assert SEED.text in says(3, ()) and says(3, ()) != SEED.text
    # The request is on the table; a later step of the ramp does not say it again.
    assert says(2, (said, said)) == RAMP[2]
    assert says(1, (said, said)) == SEED.text
    assert says(1, ()) == SEED.text


def test_refining_leads_up_anew_and_rewrites_at_the_end() -> None:
    attacker = Scripted({(1, 0): Move(text="rewritten")})
    strategy = Refine(MultiTurn(Plain()), attacker)  # type: ignore[arg-type]
    past = (finding("x", 0, 0, False),)

    def says(turns_left: int) -> str:
        sight = Sight(seed=SEED, attempt=1, turns_left=turns_left, past=past)
        return asyncio.run(strategy.say(sight)).text

    assert [says(left) for left in (3, 1)] == [fill(RAMP[0], SEED.text), "rewritten"]
    assert len(attacker.asked) == 1


def test_a_seed_that_the_attacker_cannot_take_leaves_the_others_theirs() -> None:
    attacker = Attacker("tiny-random", checked=False)
    seeds = [replace(SEED, id=str(n), text=text) for n, text in enumerate(("a", "b " * 9_000, "c"))]

    async def all_of_them() -> list[Move]:
        return list(await asyncio.gather(*(attacker.prompt(each, "x") for each in seeds)))

    moves = asyncio.run(all_of_them())
    assert (moves[1].text, moves[1].fault) == ("", Fault.UNPARSEABLE)
    assert all(move.completion is not None for move in (moves[0], moves[2]))


def test_a_target_that_adds_texts_of_its_own_keeps_the_budget(tmp_path: Path) -> None:
    """It counts 400 tokens for a prompt of two: by the first answer that is known."""

    class Adds(Garbled):
        async def ask(self, chat: object, conversation: str, how: Sampling, /) -> Answer:
            await asyncio.sleep(0)
            return Answer(text="no", usage=Usage(prompt_tokens=400, reply_tokens=8))

    meter = Meter(Budget(tokens=1000), Spent())
    way = Gate(Adds(), meter, Ledger(tmp_path), Sampling(max_new_tokens=8))
    calls = [Call(trial=f"t/{n}", turn=0, chat=(Message(role="user", content="x" * 8),))
             for n in range(8)]  # fmt: skip

    async def all_of_them() -> list[object]:
        return await asyncio.gather(*map(way.ask, calls), return_exceptions=True)

    ended = asyncio.run(all_of_them())
    assert meter.spent.usage.total == 816 and meter.reached == "tokens"
    assert sum(isinstance(each, BudgetSpent) for each in ended) == 6


def test_what_a_target_adds_is_learned_whatever_comes_first(tmp_path: Path) -> None:
    """A first try that fails teaches nothing, a short first prompt no measure of long ones."""

    class Adds(Garbled):
        def __init__(self) -> None:
            self.asked = 0

        async def ask(self, chat: Any, conversation: str, how: Sampling, /) -> Answer:
            self.asked += 1
            if self.asked == 1:
                raise TargetError(State.UNAVAILABLE, "503")
            read = 1500 + len(chat[-1].content) // 4
            return Answer(text="no", usage=Usage(prompt_tokens=read, reply_tokens=8))

    meter = Meter(Budget(tokens=20_000), Spent())
    way = Gate(Adds(), meter, Ledger(tmp_path), Sampling(max_new_tokens=8))

    async def ask(number: int, text: str) -> object:
        chat = (Message(role="user", content=text),)
        return await way.ask(Call(trial=f"t/{number}", turn=0, chat=chat))

    async def all_of_them() -> list[object]:
        tries = [ask(0, "short"), *(ask(n, "long" * 600) for n in range(1, 12))]
        return await asyncio.gather(*tries, return_exceptions=True)

    ended = asyncio.run(all_of_them())
    assert sum(isinstance(each, Answer) for each in ended) == 9  # 2,108 tokens each
    assert meter.reached == "tokens" and 17_000 < meter.spent.usage.total <= 20_000


def test_a_session_knows_that_the_target_answered(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    assert not first.has_answered
    way = Gate(Garbled("yes"), Meter(Budget(), Spent()), first, Sampling())
    asyncio.run(way.ask(Call(trial="t/0", turn=0, chat=(Message(role="user", content="x"),))))
    first.close()
    second = Ledger(tmp_path)
    assert second.has_answered
    again = Gate(Garbled(), Meter(Budget(), Spent()), second, Sampling(), answered=True)

    async def ask() -> None:
        for number in range(IN_A_ROW + 1):
            call = Call(trial=f"u/{number}", turn=0, chat=(Message(role="user", content="x"),))
            with suppress(TargetError):
                await again.ask(call)

    asyncio.run(ask())
    assert again.down is None


def test_templates_differ_from_attempt_to_attempt() -> None:
    strategy = Templates.named("templates")
    said = [
        asyncio.run(strategy.say(Sight(seed=SEED, attempt=at))).text
        for at in range(len(strategy.templates))
    ]
    assert len(set(said)) == len(said) > 2
    assert all(SEED.text in text for text in said)


def test_a_sample_of_templates_is_the_same_for_every_seed() -> None:
    few = Templates.named("templates", 2)
    whole = Templates.named("templates")
    assert len(few.templates) == 2 and set(few.templates) < set(whole.templates)
    assert few == Templates.named("templates", 2)
    for number in range(5):
        seed = Seed(id=f"s{number}", text=f"Tell me about {number}.", kind=Kind.HARMFUL)
        said = {
            asyncio.run(few.say(Sight(seed=seed, attempt=at))).text.replace(seed.text, "…")
            for at in range(2)
        }
        assert said == {each.fill("…") for each in few.templates}


def test_transfer_takes_its_own_first_then_wrappers(tmp_path: Path) -> None:
    rows = [
        finding("t", 1, 0, True, prompt="wrap <<Tell me about subject 1.>>"),
        finding("t", 2, 0, True, prompt="wrap <<Tell me about subject 2.>>"),
        finding("t", 2, 1, True, prompt="a longer one: Tell me about subject 2."),
        finding("t", 2, 2, True, prompt="other Tell me about subject 2."),
        finding("t", 0, 0, True, prompt="written for this one"),
        finding("t", 0, 1, False, prompt="did not work"),
        finding("plain", 0, 2, True),
    ]
    path = tmp_path / "findings.jsonl"
    path.write_text("".join(json.dumps(row.as_json()) + "\n" for row in rows))
    strategy = Transfer.read(path)
    said = [asyncio.run(strategy.say(Sight(seed=SEED, attempt=at))).text for at in range(4)]
    wraps = ("wrap <<{}>>", "other {}", "a longer one: {}")
    assert said == ["written for this one", *(each.format(SEED.text) for each in wraps)]
    path.write_text(json.dumps(rows[5].as_json()) + "\n")
    with pytest.raises(SeedError, match="none to transfer"):
        Transfer.read(path)


def test_recipes() -> None:
    found = parse_strategy("pyrit-jailbreaks+refine+multi-turn:4", attacker=True)
    assert (found.turns, found.needs_past, found.attacker) == (4, True, True)
    assert parse_strategy("multi-turn", attacker=False).source[0] == "plain"
    assert parse_strategy("refine", attacker=True).source[0] == "best-of-k"
    for bad in (
        "", "plain:3", "templates:0", "templates:few", "transfer", "multi-turn:1",
        "best-of-k:hot", "plain+plain",
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            parse_strategy(bad, attacker=True)


def test_keys_are_struck_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-0123456789")
    monkeypatch.setenv("SHORT_KEY", "abc")
    assert unsaid("key sk-0123456789, abc") == "key ***, abc"
