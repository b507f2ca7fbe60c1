"""The how-to's table of what can be detected is that of the shipped studies."""

from __future__ import annotations

import re
from math import sqrt
from pathlib import Path

from advgame.metrics.power import reach
from advgame.study.chance import planned_tests
from advgame.study.plan import make_plan

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("schemes.yaml", "ablations.yaml")
TEXT = (ROOT / "docs/howto/study.md").read_text(encoding="utf-8")


def test_the_table_of_what_can_be_detected_is_right() -> None:
    shipped = [len(planned_tests(make_plan(ROOT / "studies" / name))) for name in NAMES]
    rows = re.findall(r"^ +\| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert f"| run seeds | alone | of {shipped[0]} comparisons | of {shipped[1]} |" in TEXT
    assert f"the {shipped[1]} comparisons of `studies/ablations.yaml`" in TEXT
    assert len(rows) == 4
    for seeds, *told in rows:
        n = int(seeds)
        found = [reach(n - 1, 0.05 / tests, 0.8) / sqrt(n) for tests in (1, *shipped)]
        assert told == [f"{each:.1f}" for each in found], seeds
