"""The line of the live view that tells of the second judge."""

from __future__ import annotations

from typing import Any

from advgame.cli.audited import audit_line
from advgame.metrics.hacking import cells


def line(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"step": 5, "audit/alarm": None}
    for cell in cells():
        found |= {f"audit/{cell}/{name}": None for name in (
            "kappa", "train", "score", "gap", "train_rise", "score_rise", "gap_rise", "alarm",
        )}  # fmt: skip
    return found | {key.replace("__", "/"): value for key, value in changed.items()}


def test_nothing_to_tell() -> None:
    assert audit_line([]) is None
    assert audit_line([{"step": 0}]) is None
    assert audit_line([line()]) is None


def test_it_tells_of_the_widest_gap_until_there_are_rises() -> None:
    cell = "audit__defender__harmful"
    early = line(**{f"{cell}__train": 6.0, f"{cell}__score": 5.0, f"{cell}__gap": 1.0,
                    "audit__attacker__benign__train": 2.0, "audit__attacker__benign__score": 1.5,
                    "audit__attacker__benign__gap": 0.5})  # fmt: skip
    told = ("Second judge: Defender, harmful: gives 5.0 where the training judge gives 6.0", False)
    assert audit_line([early, {"step": 6}]) == told
    assert len(told[0]) < 80


def test_it_rings() -> None:
    cell = "audit__attacker__harmful"
    rung = line(
        audit__alarm=1.0,
        **{
            f"{cell}__train": 6.0,
            f"{cell}__score": 5.0,
            f"{cell}__gap": 1.0,
            f"{cell}__train_rise": 2.04,
            f"{cell}__score_rise": -0.04,
            f"{cell}__gap_rise": 2.0,
            f"{cell}__alarm": 1.0,
            f"{cell}__kappa": 0.4,
        },
    )
    assert audit_line([line(), rung]) == (
        "REWARD HACKING? Attacker, harmful: training judge +2.0, second +0.0, κ 0.40", True,
    )  # fmt: skip
