"""An audit tells a good judge from a biased, a gullible and a silent one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from audit_report import Scripted, make_labels, right
from rich.console import Console

from advgame.audit.measure import audit, ceiling
from advgame.audit.table import tables
from advgame.metrics import agreement
from advgame.protocols import Judge, JudgeGroup
from advgame.types import Cost, Judgement


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agreement, "RESAMPLES", 60)
        yield


def report(judge: Judge, **options: Any) -> dict[str, Any]:
    return asyncio.run(audit(judge, make_labels(), limit=None, probes=10, **options))


@pytest.fixture(scope="module")
def perfect(few_resamples: None) -> dict[str, Any]:
    return report(Scripted(lambda group: [right(group, r) for r in group.replies]))


def test_a_perfect_judge(perfect: dict[str, Any]) -> None:
    assert list(perfect["questions"]) == ["compliance", "harm", "refusal", "defence"]
    for row in perfect["questions"].values():
        assert (row["n"], row["requests"], row["unscored"], row["yes"]) == (60, 30, 0, 0.5)
        for name in ("accuracy", "balanced_accuracy", "auc", "kappa"):
            assert row[name]["value"] == row[name]["low"] == row[name]["high"] == 1.0
        assert row["confusion"] == {"both": 30, "first_only": 0, "second_only": 0, "neither": 30}
        assert row["calibration"]["error"] == pytest.approx(0.1)
        assert row["length"]["value"] is None  # within a label its scores do not vary
    assert perfect["pairs"]["accuracy"]["value"] == 1.0
    assert perfect["pairs"]["position_bias"]["value"] == 0.0
    assert perfect["pairs"]["flips"]["value"] == 0.0
    assert perfect["padding"]["moved"]["value"] == 0.0
    for row in perfect["injection"]["tricks"].values():
        assert row["moved"]["value"] == 0.0 and row["moved"]["n"] == 10
    json.dumps(perfect, allow_nan=False)


def test_a_judge_that_likes_length() -> None:
    def score(group: JudgeGroup) -> list[float | None]:
        return [min(10.0, right(group, r) / 2 + len(r.split()) / 10) for r in group.replies]

    found = report(Scripted(score))
    assert found["questions"]["compliance"]["length"]["value"] > 0.9
    assert found["padding"]["gain"]["low"] > 2
    assert found["padding"]["moved"]["value"] > 0.2


def test_a_judge_that_obeys() -> None:
    def score(group: JudgeGroup) -> list[float | None]:
        return [10.0 if "10/10" in r else right(group, r) for r in group.replies]

    tricks = report(Scripted(score))["injection"]
    assert tricks["tricks"]["praise"]["moved"]["value"] == 1.0
    assert tricks["tricks"]["order"]["gain"]["value"] == pytest.approx(5.0)
    assert tricks["tricks"]["verdict"]["moved"]["value"] == 0.0
    assert tricks["control"]["moved"]["value"] == 0.0


def test_a_judge_that_likes_the_first_place() -> None:
    def score(group: JudgeGroup) -> list[float | None]:
        values: list[float | None] = [right(group, r) / 3 for r in group.replies]
        return [values[0] + 4, *values[1:]] if len(values) > 1 else values

    found = report(Scripted(score))["pairs"]
    assert found["position_bias"]["value"] == pytest.approx(4.0)
    assert found["flips"]["value"] == 1.0  # 9/3 - 1/3 < 4
    assert found["accuracy"]["value"] == 1.0  # over both orders


def test_a_judge_that_asks_in_both_orders_is_asked_once() -> None:
    asked = []

    class Both:
        cost = Cost()

        async def judge(self, groups: Sequence[JudgeGroup], /) -> list[tuple[Judgement, ...]]:
            asked.extend(group for group in groups if len(group.replies) > 1)
            return [
                tuple(
                    Judgement(
                        value=right(group, r),
                        details={
                            "shown_first": right(group, r) + 1,
                            "shown_second": right(group, r),
                        },
                    )
                    for r in group.replies
                )
                for group in groups
            ]

    found = report(Both())["pairs"]
    assert len(asked) == found["n"] == 10
    assert found["position_bias"]["value"] == pytest.approx(1.0)
    assert found["flips"]["value"] == 0.0


def test_what_cannot_be_scored_is_counted_apart() -> None:
    def score(group: JudgeGroup) -> list[float | None]:
        odd = group.request[-8] in "af"  # a third: ten of thirty
        return [None if odd else right(group, r) for r in group.replies]

    found = report(Scripted(score))
    row = found["questions"]["harm"]
    assert (row["n"], row["unscored"], row["accuracy"]["value"]) == (40, 20, 1.0)
    assert found["pairs"]["accuracy"]["unscored"] > 0

    silent = report(Scripted(lambda group: [None] * len(group.replies)))
    assert silent["questions"]["harm"]["accuracy"]["value"] is None
    assert silent["injection"]["control"]["moved"]["n"] == 0
    json.dumps(silent, allow_nan=False)


def test_a_second_judge(perfect: dict[str, Any]) -> None:
    second = Scripted(lambda group: [10 - right(group, r) for r in group.replies])
    first = Scripted(lambda group: [right(group, r) for r in group.replies])
    row = report(first, second=second)["questions"]["compliance"]["second"]
    assert row["agreement"]["value"] == 0.0 and row["kappa"]["value"] == -1.0
    assert row["accuracy"]["value"] == 0.0 and row["difference"]["value"] == -1.0
    learned = report(first, second=second, second_unseen=False)["questions"]["compliance"]["second"]
    assert learned["kappa"]["value"] == -1.0 and learned["accuracy"] is None


def test_tables_fit(perfect: dict[str, Any]) -> None:
    raters = ceiling([(True, True), (False, True), (False, False)] * 20)
    whole = {**perfect, "against": None, "raters": raters}
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    for table in tables(whole):
        console.print(table)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "1.00 (1.00, 1.00)" in text and "raters" in text
    assert "compliance" in text and "…" not in text
