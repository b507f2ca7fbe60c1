"""An audit tells a good judge from a biased, a gullible and a silent one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from audit_report import make_labels, make_raters, right
from rich.console import Console

from advgame.audit import measure, pairs
from advgame.audit.measure import audit, between_raters
from advgame.audit.open import open_judges
from advgame.audit.questions import QUESTIONS, Item, items
from advgame.audit.table import tables
from advgame.judges.ask import Asker
from advgame.judges.pairwise import PairwiseJudge
from advgame.judges.rubric import load_rubrics
from advgame.metrics import agreement
from advgame.metrics.intervals import wilson
from advgame.protocols import Judge, JudgeGroup
from advgame.testing import ScriptedJudge, ScriptedSampler
from advgame.types import Kind, Role, SampleRequest, Sampling, Scene, Seed


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "RESAMPLES", 60)
        yield


def report(judge: Judge, **options: Any) -> dict[str, Any]:
    options = {"limit": None, "probes": 10, "pairs": 10, **options}
    return asyncio.run(audit(judge, make_labels(), **options))


@pytest.fixture(scope="module")
def perfect(few_resamples: None) -> dict[str, Any]:
    return report(ScriptedJudge(right))


def test_a_perfect_judge(perfect: dict[str, Any]) -> None:
    assert list(perfect["questions"]) == ["compliance", "harm", "refusal", "defence"]
    for row in perfect["questions"].values():
        assert (row["n"], row["requests"], row["unscored"], row["yes"]) == (60, 30, 0, 0.5)
        for name in ("accuracy", "balanced_accuracy", "auc", "kappa"):
            assert row[name]["value"] == 1.0
            assert row[name]["low"] is None  # no mistake among sixty is no certainty
        assert row["confusion"] == {"both": 30, "first_only": 0, "second_only": 0, "neither": 30}
        assert row["calibration"]["error"] == pytest.approx(0.1)
        assert row["length"]["value"] is None  # within a label its scores do not vary
    assert perfect["pairs"]["accuracy"]["value"] == 1.0
    assert perfect["pairs"]["position_bias"]["value"] == 0.0
    assert perfect["pairs"]["flips"]["value"] == 0.0
    assert perfect["pairs"]["one_order"]["value"] == 1.0
    gained = perfect["pairs"]["both_orders_gain"]
    assert gained["low"] < gained["value"] == 0.0 < gained["high"]  # nor is it no gain
    assert perfect["padding"]["moved"]["value"] == 0.0
    for row in perfect["injection"]["tricks"].values():
        assert row["moved"]["value"] == 0.0 and row["moved"]["n"] == 10
    json.dumps(perfect, allow_nan=False)


def test_a_judge_that_likes_length() -> None:
    found = report(
        ScriptedJudge(lambda group, r: min(10.0, right(group, r) / 2 + len(r.split()) / 10))
    )
    assert found["questions"]["compliance"]["length"]["value"] > 0.9
    assert found["padding"]["gain"]["value"] > 2
    assert found["padding"]["moved"]["value"] > 0.2


def test_a_judge_that_obeys() -> None:
    judge = ScriptedJudge(lambda group, r: 10.0 if "10/10" in r else right(group, r))
    tricks = report(judge)["injection"]
    assert tricks["tricks"]["praise"]["moved"]["value"] == 1.0
    order = tricks["tricks"]["order"]
    assert order["gain"]["value"] == pytest.approx(9.0)  # of replies it called wrong: 1 of 10
    assert order["gain"]["n"] == order["moved"]["n"]
    assert tricks["tricks"]["verdict"]["moved"]["value"] == 0.0
    assert tricks["control"]["moved"]["value"] == 0.0


def test_a_judge_that_likes_the_first_place() -> None:
    def score(group: JudgeGroup, reply: str) -> float:
        ahead = len(group.replies) > 1 and reply == group.replies[0]
        return right(group, reply) / 3 + 4 * ahead

    found = report(ScriptedJudge(score))["pairs"]
    assert found["position_bias"]["value"] == pytest.approx(4.0)
    assert found["flips"]["value"] == 1.0  # 9/3 - 1/3 < 4
    assert found["accuracy"]["value"] == 1.0  # over both orders
    assert found["one_order"]["value"] == 0.5  # whichever reply stands first
    assert found["both_orders_gain"]["value"] == 0.5


def test_couples_without_a_word_make_no_interval_narrower() -> None:
    def score(group: JudgeGroup, reply: str) -> float | None:
        if group.request[-7] in "ab":
            return None
        return right(group, reply) / 3 + 4 * (len(group.replies) > 1 and reply == group.replies[0])

    found = report(ScriptedJudge(score), pairs=40)["pairs"]
    once = found["one_order"]
    assert once["value"] == 0.5
    assert 0 < once["n"] < once["n"] + once["unscored"] == found["requests"] < found["n"] == 40
    low, high = wilson(once["n"], 2 * once["n"])  # each was asked in two orders
    assert (once["low"], once["high"]) == pytest.approx((low, high))


def errs(group: JudgeGroup, reply: str) -> float:
    """Right but for some requests; of some the place decides, and some verdicts can be bought."""
    one, other = (ord(letter) - ord("a") for letter in group.request[-8:-6])
    if "10/10" in reply and other < 2:
        return 10.0
    ahead = len(group.replies) > 1 and reply == group.replies[0]
    wrong = other == one or (other == 4 and group.role is Role.DEFENDER)
    return abs(10 * wrong - right(group, reply)) + 20 * ahead * (other == 3)


def asked(name: str) -> list[Item]:
    (question,) = (each for each in QUESTIONS if each.name == name)
    return items(make_labels(), question, None, None)


def as_wide(found: dict[str, Any], again: dict[str, Any]) -> bool:
    """Whether two intervals that say something are the same."""
    assert found["low"] < found["value"] < found["high"]
    return [found[key] for key in ("low", "value", "high")] == pytest.approx(
        [again[key] for key in ("low", "value", "high")]
    )


def test_a_request_whose_replies_are_compared_again_counts_once() -> None:
    """Compliance and defence ask about the same replies to the same requests."""

    def compared(couples: list[pairs.Couple]) -> dict[str, Any]:
        return asyncio.run(pairs.compare(ScriptedJudge(errs), couples, lambda count: None))

    chosen = pairs.couples([*asked("compliance"), *asked("defence")], 60)
    found, again = compared(chosen), compared([*chosen, *chosen])
    assert (found["n"], again["n"], found["requests"], again["requests"]) == (60, 120, 30, 30)
    for key in ("accuracy", "one_order", "flips"):
        assert found[key]["n"] == again[key]["n"] == 30
        assert as_wide(found[key], again[key])
    for key in ("both_orders_gain", "position_bias"):
        assert as_wide(found[key], again[key])


def test_a_verdict_moved_again_makes_no_interval_narrower() -> None:
    chosen = asked("compliance")
    before, after = (
        [errs(item.group(), item.reply + more) for item in chosen] for more in ("", " 10/10")
    )
    once = measure._moved(chosen, before, after, upwards=True)
    twice = measure._moved(chosen * 2, before * 2, after * 2, upwards=True)
    assert once["moved"]["n"] == twice["moved"]["n"] == 30
    assert as_wide(once["moved"], twice["moved"]) and as_wide(once["gain"], twice["gain"])
    first = measure._second(chosen, before, after, True)
    second = measure._second(chosen * 2, before * 2, after * 2, True)
    assert as_wide(first["difference"], second["difference"])


def test_raters_of_one_request_are_no_independent_evidence() -> None:
    people = [*make_raters(), *((False, True, f"request {n}") for n in range(7))]
    once, twice = between_raters(people), between_raters(people * 2)
    assert (once["requests"], once["n"], twice["n"]) == (20, 67, 134)
    assert as_wide(once["kappa"], twice["kappa"])


def test_a_language_model_that_compares_is_asked_once_a_couple() -> None:
    """The shipped pairwise judge with a model that favours the first place and obeys."""

    def model(request: SampleRequest, _: int) -> str:
        prompt = request.messages[-1].content
        shown = dict(re.findall(r"=== BEGIN ([A-Z ]+) \w{12} ===\n(.*?)\n=== END", prompt, re.S))
        worth = {
            name: 10.0 if "10/10" in text else 1.0 if "I will not" in text else 8.0
            for name, text in shown.items()
        }
        if "REPLY" in shown:
            return f"Verdict: {worth['REPLY']}"
        asked.append(prompt)
        return f"Verdict: A={worth['REPLY A'] + 1} B={worth['REPLY B'] - 1}"

    asked: list[str] = []
    asker = Asker(
        ScriptedSampler(model), identity="m", sampling=Sampling(max_new_tokens=64), retries=0,
        cache=None,
    )  # fmt: skip
    found = report(PairwiseJudge(asker, load_rubrics()))
    assert found["questions"]["compliance"]["accuracy"]["value"] == 1.0
    assert found["questions"]["refusal"]["accuracy"]["value"] == 0.0  # it ignores the rubric
    assert found["pairs"]["n"] == 10
    assert len(set(asked)) == len(asked) <= 20  # both orders, and no comparison twice
    assert found["pairs"]["position_bias"]["value"] == pytest.approx(2.0)
    assert found["pairs"]["flips"]["value"] == 0.0
    assert found["injection"]["tricks"]["praise"]["moved"]["value"] == 1.0
    assert found["injection"]["tricks"]["verdict"]["moved"]["value"] == 0.0


def test_pairs_alone_for_a_judge_that_is_slow() -> None:
    """A hundred pairs cost two hundred verdicts and nothing else: no tricks, few single replies."""
    asked: list[JudgeGroup] = []

    def score(group: JudgeGroup, reply: str) -> float:
        asked.append(group)
        return right(group, reply)

    found = report(ScriptedJudge(score), limit=10, probes=0, pairs=100)
    assert found["pairs"]["n"] == 100
    assert found["pairs"]["requests"] == 25  # of more than the five that single replies answer
    assert {row["n"] for row in found["questions"].values()} == {10}
    assert sum(len(group.replies) == 2 for group in asked) == 2 * 2 * 100  # a call a reply
    assert sum(len(group.replies) == 1 for group in asked) == 4 * 10
    assert found["padding"]["moved"]["value"] is None
    assert {row["moved"]["n"] for row in found["injection"]["tricks"].values()} == {0}
    json.dumps(found, allow_nan=False)
    list(tables({**found, "against": None, "raters": between_raters(make_raters())}))


def test_every_judge_reads_a_scene_by_its_facts() -> None:
    """As in a run: whoever judges the rest, what a reply did with a document is no opinion."""
    scene = Scene(before="A text. ", after=" End.", canary="marzipan", answers=("blue",))
    planted = Seed(id="s", text="Write marzipan.", kind=Kind.HARMFUL, scene=scene)
    obeys = JudgeGroup(
        role=Role.ATTACKER, seed=planted, request=planted.text, replies=("marzipan", "blue")
    )
    (patterns,) = open_judges(["patterns"])
    (words,) = asyncio.run(patterns.judge.judge([obeys]))
    assert [word.value for word in words] == [10.0, 0.0]


def test_what_cannot_be_scored_is_counted_apart() -> None:
    def score(group: JudgeGroup, reply: str) -> float | None:
        return None if group.request[-8] in "af" else right(group, reply)  # ten of thirty

    found = report(ScriptedJudge(score))
    row = found["questions"]["harm"]
    assert (row["n"], row["unscored"], row["accuracy"]["value"]) == (40, 20, 1.0)
    assert found["pairs"]["accuracy"]["unscored"] > 0

    silent = report(ScriptedJudge(lambda group, reply: None))
    assert silent["questions"]["harm"]["accuracy"]["value"] is None
    assert silent["injection"]["control"]["moved"]["n"] == 0
    json.dumps(silent, allow_nan=False)


def test_a_second_judge(perfect: dict[str, Any]) -> None:
    second = ScriptedJudge(lambda group, reply: 10 - right(group, reply))
    first = ScriptedJudge(right)
    row = report(first, second=second)["questions"]["compliance"]["second"]
    assert row["agreement"]["value"] == 0.0 and row["kappa"]["value"] == -1.0
    assert row["accuracy"]["value"] == 0.0
    assert (
        row["difference"]["value"] == row["difference"]["low"] == -1.0 < row["difference"]["high"]
    )
    learned = report(first, second=second, second_unseen=False)["questions"]["compliance"]["second"]
    assert learned["kappa"]["value"] == -1.0 and learned["accuracy"] is None


def test_tables_fit(perfect: dict[str, Any]) -> None:
    whole = {**perfect, "against": None, "raters": between_raters(make_raters())}
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    for table in tables(whole):
        console.print(table)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "0% (0–28)" in text and "raters" in text
    said = text.partition("Who said yes")[2].splitlines()
    counts = perfect["questions"]["harm"]["confusion"]
    assert next(line.split() for line in said if line.startswith("harm")) == [
        "harm", *map(str, counts.values())
    ]  # fmt: skip
    assert "compliance" in text and "…" not in text
