"""A study's tables: one notation, and no column that says nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from fake_study import make_fake_plan, record
from rich.console import Console

from advgame.study.analyse import analyse
from advgame.study.table import tables


def shown(report: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    for part in tables(report):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("seeds", [1, 2])
def test_of_one_run_each_there_is_one_difference_to_show(seeds: int, tmp_path: Path) -> None:
    plan = make_fake_plan(tmp_path)
    keys = [f"{arm}-{seed}" for arm in ("joint", "sequential") for seed in range(seeds)]
    text = shown(analyse(plan, {key: record(plan, plan.by_key(key)) for key in keys}))
    assert "joint − sequential, points" in text and "over run seeds" in text
    for column in ("over seeds and", "detectable"):
        assert (column in text.partition("joint − sequential, points")[2]) == (seeds > 1)
    assert "[" not in text and ("% (" in text) == (seeds > 1)
    assert max(map(len, text.splitlines())) <= 80
