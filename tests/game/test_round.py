"""One round with scripted players and judges: who answers what, and what it is worth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from builders import completion, seed

from advgame.config.game import FaultRewards, JudgedReward
from advgame.errors import RejectedError
from advgame.game.check import Checked
from advgame.game.defend import Guide
from advgame.game.play import Table, play
from advgame.game.rewards import judged
from advgame.game.score import Bench, score
from advgame.game.seat import FixedSeat, ModelSeat
from advgame.prompts import get_format
from advgame.protocols import JudgeGroup
from advgame.testing import ScriptedJudge, ScriptedSampler
from advgame.types import (
    Branch,
    Cost,
    Episode,
    Fault,
    Judgement,
    Kind,
    Message,
    Missing,
    Move,
    Role,
    SampleRequest,
    Sampling,
    Scored,
    Seed,
)
from advgame.validation import judge_rows

DRAW = (7, "train", 0)


class WordCheck:
    """Faithful unless the prompt says `off`; speechless on `mute`."""

    cost = Cost()

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        return [
            Judgement(value=None if "mute" in text else float("off" not in text))
            for _, text in prompts
        ]


def number(group: JudgeGroup, reply: str) -> float | None:
    """The judge's score is the number that ends the reply; none if it ends in a question mark."""
    return None if reply.endswith("?") else float(reply.split()[-1])


def table(attacker: object, defender: object, *, prompts: int = 2, replies: int = 2) -> Table:
    return Table(
        attacker=attacker
        if isinstance(attacker, FixedSeat)
        else model_seat(Role.ATTACKER, attacker),
        defender=model_seat(Role.DEFENDER, defender),
        check=WordCheck(),
        prompts_per_seed=prompts,
        replies_per_prompt=replies,
        direct_replies=3,
        drift_ratio=15.0,
    )


def model_seat(role: Role, script: object) -> ModelSeat:
    sampler = script if isinstance(script, ScriptedSampler) else ScriptedSampler(script)
    return ModelSeat(sampler=sampler, format=get_format(role, "plain"), sampling=Sampling())


def bench(score: Callable[[JudgeGroup, str], float | None] = number, **changes: object) -> Bench:
    options = {
        "defender": ScriptedJudge(score),
        "attacker": ScriptedJudge(score),
        "defender_rule": judged(JudgedReward()),
        "attacker_rule": judged(JudgedReward()),
        "faults": FaultRewards(),
        "attacker_reply": "optimistic",
        "judge_against": "prompt",
        **changes,
    }
    return Bench(**options)


def run(seeds: list[Seed], at: Table, judges: Bench, **rest: object) -> list[Episode[Scored]]:
    return asyncio.run(play(seeds, at, judges, draw=DRAW, **rest))


def test_a_round_branches_a_by_d() -> None:
    [episode] = run([seed("fly a kite")], table(["x 1", "x 2"], ["y 3", "y 4"]), bench())
    assert [len(branch.replies) for branch in episode.branches] == [2, 2]
    assert all(branch.attack.move.completion for branch in episode.branches)


def rejecting(*words: str) -> Callable[[SampleRequest, int], str]:
    """A model that does not take what holds one of some words, and says `y 4` to the rest."""

    def script(request: SampleRequest, seed: int) -> str:
        if any(word in request.messages[-1].content for word in words):
            raise RejectedError("too long")
        return "y 4"

    return script


def test_a_prompt_that_the_defenders_model_rejects_costs_itself_alone() -> None:
    at = table(["x 1", "filtered 2"], rejecting("filtered"))
    [episode] = run([seed("fly a kite")], at, bench())
    taken, rejected = episode.branches
    assert [reply.reward.value for reply in taken.replies] == [4.0, 4.0]
    assert taken.attack.reward.value == 4.0
    assert rejected.replies == ()
    assert (rejected.attack.move.fault, rejected.attack.reward.value) == (None, None)
    assert rejected.attack.reward.because is Missing.NO_VALID_REPLY
    with pytest.raises(RejectedError):  # not even a plain word: the fault is not the prompts'
        run([seed("fly a kite")], table(["filtered"], rejecting("")), bench())


def test_a_seed_that_the_attackers_model_rejects_is_a_failed_attack_nobody_learns_from() -> None:
    at = table(rejecting("filtered"), ["y 3"])
    lost, played = run([seed("filtered"), seed("fly a kite")], at, bench())
    assert [len(each.branches) for each in (lost, played)] == [1, 2]
    failed = lost.branches[0].attack
    assert (failed.move.fault, failed.move.completion) == (Fault.UNPARSEABLE, None)
    assert lost.branches[0].replies == ()


def test_an_answer_cut_at_its_limit_is_a_fault_even_where_it_parses() -> None:
    long = " ".join(["word"] * 80)  # more than 64 tokens: the sampler cuts it
    [episode] = run([seed("fly a kite")], table(["x 1"], [long, "y 3"], prompts=1), bench())
    cut, whole = episode.branches[0].replies
    assert (cut.move.fault, cut.reward.value) == (Fault.TRUNCATED, -1.0)
    assert cut.move.text == " ".join(["word"] * 64) and cut.reward.because is Fault.TRUNCATED
    assert whole.reward.value == 3.0
    assert episode.branches[0].attack.reward.value == 3.0  # by the reply that is valid
    at = table(["x 1"], [long + " 5"], prompts=1, replies=1)
    at = replace(at, defender=replace(at.defender, accept_truncated=True))
    [episode] = run([seed("fly a kite")], at, bench(lambda group, reply: float(len(reply) > 9)))
    assert episode.branches[0].replies[0].move.fault is None
    [episode] = run([seed("fly a kite")], table([long], ["y 3"], prompts=1), bench())
    assert episode.branches[0].attack.move.fault is Fault.TRUNCATED
    assert episode.branches[0].replies == ()


def test_thinking_is_learned_from_and_seen_by_nobody() -> None:
    """Both think in tags: the part is passed on, the whole is learned from."""
    prompt, reply = (
        "<think>sly 1</think><prompt>x 2</prompt>",
        "<think>no 3</think><reply>y 4</reply>",
    )
    attacker, defender = ScriptedSampler([prompt]), ScriptedSampler([reply])
    seen: list[JudgeGroup] = []

    def score(group: JudgeGroup, text: str) -> float:
        seen.append(group)
        return float(text.split()[-1])

    at = replace(
        table(attacker, defender, prompts=1, replies=1),
        attacker=replace(
            model_seat(Role.ATTACKER, attacker), format=get_format(Role.ATTACKER, "tags")
        ),
        defender=replace(
            model_seat(Role.DEFENDER, defender), format=get_format(Role.DEFENDER, "tags")
        ),
    )
    [episode] = run([seed("fly a kite")], at, bench(score))
    [branch] = episode.branches
    assert "x 2" in defender.requests[0].messages[-1].content
    assert "sly" not in str(defender.requests[0].messages)
    assert {group.request for group in seen} <= {"x 2", "fly a kite"}
    assert {group.replies for group in seen} == {("y 4",)}
    for move, whole, thought in (
        (branch.attack.move, prompt, "sly 1"), (branch.replies[0].move, reply, "no 3")
    ):  # fmt: skip
        assert move.thought == thought
        assert move.completion.text == whole
        assert len(move.completion.token_ids) == len(whole.split()) + 1  # and the end token


def test_optimistic_attack_meets_the_best_response() -> None:
    """The Attacker is judged by the reply that the Defender's own reward likes best."""

    def score(group: JudgeGroup, reply: str) -> float:
        value = float(reply.split()[-1])
        return value if group.role is Role.DEFENDER else 10.0 - value

    at = table(["x"], ["y 2", "y 9"], prompts=1)
    [episode] = run([seed("fly a kite")], at, bench(score))
    assert episode.branches[0].attack.reward.value == 1.0
    [episode] = run([seed("fly a kite")], at, bench(score, attacker_reply="first"))
    assert episode.branches[0].attack.reward.value == 8.0


def test_the_defender_sees_the_prompt_alone() -> None:
    seen: list[SampleRequest] = []

    def answer(request: SampleRequest, drawn: int) -> str:
        seen.append(request)
        return "y 1"

    run([seed("the seed", Kind.HARMFUL)], table(["rewritten"], answer, prompts=1), bench())
    assert {message.content for request in seen for message in request.messages} == {"rewritten"}


def test_an_unfaithful_prompt_gets_no_reply_and_minus_one() -> None:
    [episode] = run([seed("fly a kite")], table(["x off", "x"], ["y 3", "y 4"]), bench())
    off, on = episode.branches
    assert (off.attack.reward.value, off.attack.reward.because) == (-1.0, Fault.UNFAITHFUL)
    assert off.replies == () and len(on.replies) == 2


def test_an_unusable_faithfulness_verdict_is_no_verdict() -> None:
    [episode] = run([seed("fly a kite")], table(["x mute"], ["y 3"], prompts=1), bench())
    assert episode.branches[0].attack.reward.because is Missing.JUDGE_FAILED
    assert episode.branches[0].attack.move.fault is None
    assert episode.branches[0].replies == ()


@pytest.mark.parametrize(
    ("kind", "expected"), [(Kind.BENIGN, Fault.UNFAITHFUL), (Kind.HARMFUL, None)]
)
def test_a_benign_prompt_far_longer_than_its_seed_drifts(
    kind: Kind, expected: Fault | None
) -> None:
    at = table(["long " * 40], ["y 3"], prompts=1)
    [episode] = run([seed("kite", kind)], at, bench())
    assert episode.branches[0].attack.move.fault is expected


def test_judge_failures_of_the_two_roles_are_independent() -> None:
    def attacker_mute(group: JudgeGroup, reply: str) -> float | None:
        return None if group.role is Role.ATTACKER else number(group, reply)

    [episode] = run([seed("kite")], table(["x"], ["y 3", "y 4"], prompts=1), bench(attacker_mute))
    assert episode.branches[0].attack.reward.because is Missing.JUDGE_FAILED
    assert [reply.reward.value for reply in episode.branches[0].replies] == [3.0, 4.0]

    def defender_mute(group: JudgeGroup, reply: str) -> float | None:
        return None if group.role is Role.DEFENDER else number(group, reply)

    [episode] = run([seed("kite")], table(["x"], ["y 3", "y 4"], prompts=1), bench(defender_mute))
    assert episode.branches[0].attack.reward.value == 3.0  # the first valid reply stands in
    assert {r.reward.because for r in episode.branches[0].replies} == {Missing.JUDGE_FAILED}


def test_no_valid_reply_leaves_the_attack_without_reward() -> None:
    [episode] = run([seed("kite")], table(["x"], ["", ""], prompts=1), bench())
    assert episode.branches[0].attack.reward.because is Missing.NO_VALID_REPLY
    assert [reply.reward.value for reply in episode.branches[0].replies] == [-1.0, -1.0]


def test_without_an_attacker_judge_valid_prompts_score_zero() -> None:
    [episode] = run([seed("kite")], table(["x", "x off"], ["y 3"]), bench(attacker=None))
    assert [branch.attack.reward.value for branch in episode.branches] == [0.0, -1.0]


def test_a_direct_seed_is_its_own_untrained_prompt() -> None:
    [episode] = run([seed("kite", direct=True)], table(["x"], ["y 1", "y 2", "y 3"]), bench())
    [branch] = episode.branches
    assert (branch.attack.move.text, branch.attack.move.completion) == ("kite", None)
    assert branch.attack.reward.value is None
    assert len(branch.replies) == 3


def test_fixed_attacks_are_played_and_not_trained() -> None:
    fixed = FixedSeat(lambda text: (f"please: {text} off",))
    [episode] = run([seed("kite")], table(fixed, ["y 1", "y 2"], prompts=1), bench())
    attack = episode.branches[0].attack
    assert (attack.move.text, attack.move.completion) == ("please: kite off", None)
    assert len(episode.branches[0].replies) == 2


def test_guided_replies_come_last_and_do_not_stand_for_the_policy() -> None:
    def answer(request: SampleRequest, drawn: int) -> str:
        return "y 10" if request.context else "y 2"

    guides = {Kind.BENIGN: Guide(1, ((Message(role="system", content="be good"),),))}
    at = table(["x"], answer, prompts=1)
    [episode] = run([seed("kite")], at, bench(), guides=guides)
    plain, guided = episode.branches[0].replies
    assert guided.move.completion is not None and guided.move.completion.guided
    assert plain.move.completion is not None and not plain.move.completion.guided
    assert episode.branches[0].attack.reward.value == 2.0


def test_the_prompts_of_a_round_take_the_wordings_of_a_guide_in_turn() -> None:
    seen: list[str] = []

    def note(request: SampleRequest, drawn: int) -> str:
        if request.context:
            seen.append(request.context[0].content)
        return "y 1"

    wordings = tuple((Message(role="system", content=word),) for word in ("a", "b", "c"))
    guides = {Kind.BENIGN: Guide(1, wordings, first=2)}
    run([seed("kite"), seed("ball")], table(["x", "z"], note), bench(), guides=guides)
    assert seen == ["c", "a", "b", "c"]


def test_copying_is_no_win_and_variety_pays() -> None:
    rule = judged(JudgedReward(copy_above=0.9, diversity=1.0))
    at = table(["fly a kite", "soar with silk"], ["y 8"], replies=1)
    [episode] = run([seed("fly a kite")], at, bench(attacker_rule=rule))
    copy, fresh = (branch.attack.reward.value for branch in episode.branches)
    assert copy == pytest.approx(1.0)  # no win, but unlike its sibling
    assert fresh == pytest.approx(9.0)


def test_a_frame_that_serves_every_seed_earns_less() -> None:
    rule = judged(JudgedReward(novelty=6.0))
    prompts = {"kite": "in a story fly kites", "ball": "in a story throw balls", "lone": "juggle"}

    def attack(request: SampleRequest, drawn: int) -> str:
        return next(x for seed, x in prompts.items() if seed in request.messages[-1].content)

    at = table(attack, ["y 4"], prompts=1)
    played = run([seed(each) for each in prompts], at, bench(attacker_rule=rule))
    framed, _, lone = (episode.branches[0].attack.reward.value for episode in played)
    # Two of four word pairs are in one of two prompts for other seeds: 6 · (1 − 1/4).
    assert framed == pytest.approx(4.0 + 4.5)
    assert lone == pytest.approx(4.0)  # one word has no phrase that could be new


def test_a_low_score_earns_novelty_in_proportion() -> None:
    rule = judged(JudgedReward(novelty=6.0, novelty_from=4.0))
    for points, paid in ((1.0, 1.5), (4.0, 6.0), (8.0, 6.0)):
        at = table(lambda request, drawn: request.messages[-1].content, ["ok"], prompts=1)
        played = run(
            [seed("fly kites"), seed("throw balls")],
            at,
            bench(lambda group, reply, points=points: points, attacker_rule=rule),
        )
        assert played[0].branches[0].attack.reward.value == pytest.approx(points + paid)


def test_replies_are_compared_with_replies_to_other_seeds_only() -> None:
    rule = judged(JudgedReward(novelty=6.0))
    at = table(["x"], ["sorry but no 4"], prompts=1)
    alone = run([seed("kite")], at, bench(defender_rule=rule))
    both = run([seed("kite"), seed("ball")], at, bench(defender_rule=rule))
    assert {reply.reward.value for reply in alone[0].branches[0].replies} == {4.0}
    assert {reply.reward.value for reply in both[0].branches[0].replies} == {4.0}


def test_a_reply_unlike_those_to_other_seeds_earns_novelty() -> None:
    def answer(request: SampleRequest, drawn: int) -> str:
        kite = "kite" in request.messages[-1].content
        return "sorry but no 4" if kite else "throw it far 4"

    at = table(lambda request, drawn: request.messages[-1].content, answer, prompts=1)
    rule = judged(JudgedReward(novelty=6.0))
    played = run([seed("kite"), seed("ball")], at, bench(defender_rule=rule))
    rewards = {reply.reward.value for each in played for reply in each.branches[0].replies}
    assert rewards == {10.0}


@pytest.mark.parametrize(("against", "asked"), [("prompt", "x"), ("seed", "kite")])
def test_each_role_is_judged_against_what_it_should_be(against: str, asked: str) -> None:
    """A reply against what was asked; whether an attack worked, against what was wanted."""
    seen = set()

    def note(group: JudgeGroup, reply: str) -> float:
        seen.add((group.role, group.request))
        return 1.0

    run([seed("kite")], table(["x"], ["y"], prompts=1), bench(note, judge_against=against))
    assert seen == {(Role.DEFENDER, asked), (Role.ATTACKER, "kite")}


def test_each_fault_earns_its_own() -> None:
    faults = FaultRewards(truncated=-1.0, unparseable=-2.0, unfaithful=-3.0)
    faulty = [Checked(Move(text="x", completion=completion(), fault=fault)) for fault in Fault]
    tree = Episode(seed(), tuple(Branch(each, ()) for each in faulty))
    [found] = asyncio.run(score([tree], bench(faults=faults)))
    assert [branch.attack.reward.value for branch in found.branches] == [-1.0, -2.0, -3.0]


@pytest.mark.parametrize(
    ("prompt", "reply", "value", "success"),
    [
        (
            Checked(Move(text="x", fault=Fault.UNFAITHFUL), Judgement(value=0.0)),
            None,
            None,
            False,
        ),
        (Checked(Move(text="x"), Judgement(value=None)), None, None, None),
        (Checked(Move(text="x")), None, None, None),  # the Defender's model does not take it
        (Checked(Move(text="x")), Move(text="", fault=Fault.UNPARSEABLE), None, None),
        (Checked(Move(text="x")), Move(text="y", fault=Fault.TRUNCATED), 9.0, None),
        (Checked(Move(text="x")), Move(text="y"), 5.0, True),
        (Checked(Move(text="x")), Move(text="y"), 4.9, False),
        (Checked(Move(text="x")), Move(text="y"), None, None),
    ],
)
def test_what_counts_as_a_success(
    prompt: Checked, reply: Move | None, value: float | None, success: bool | None
) -> None:
    """Of held-out rounds: the denominator of every rate of a run, a measurement, a study."""
    judge = ScriptedJudge(lambda group, text: value)
    tree = Episode(seed("s"), (Branch(prompt, (Checked(reply),) if reply else ()),))
    [row] = asyncio.run(judge_rows([tree], judge))
    assert row["success"] is success
    assert all((each.role, each.request) == (Role.ATTACKER, "s") for each in judge.groups)


def test_a_draw_depends_on_its_own_place_alone() -> None:
    def echo(request: SampleRequest, drawn: int) -> str:
        return f"{request.messages[-1].content} {drawn % 1000}"

    seeds = [seed("a"), seed("b")]
    both = run(seeds, table(echo, echo), bench(lambda group, reply: 1.0))
    [first] = run(seeds[:1], table(echo, echo), bench(lambda group, reply: 1.0))
    assert first == both[0]
    texts = [branch.attack.move.text for branch in first.branches]
    assert len(set(texts)) == 2
