"""Reward rules of the user's own: what they do wrong is one line, not a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import seed

from advgame.config.game import ImportedReward
from advgame.errors import OwnCodeError
from advgame.game.rewards import Outcome, build_rule
from advgame.types import Role

OUTCOME = Outcome(role=Role.ATTACKER, seed=seed(), prompt="x", reply="y")
OWN = """
import numpy
def none(): return lambda score, outcome: None
def text(): return lambda score, outcome: "7"
def nan(): return lambda score, outcome: float("nan")
def huge(): return lambda score, outcome: 10**400
def one(): return lambda score: score
def zero(): return lambda score, outcome: score / 0
def single(): return lambda score, outcome: numpy.float32(score)
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_rules.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none", "returned None: a reward is a finite number"),
        ("text", "returned '7': a reward is a finite number"),
        ("nan", "returned nan: a reward is a finite number"),
        ("huge", "returned 10+: a reward is a finite number"),
        ("one", "raised TypeError: .* takes 1 positional argument"),
        ("zero", r"raised ZeroDivisionError: .* \(.*own_rules.py:8;"),
    ],
)
def test_what_a_rule_must_not_do_is_told(name: str, told: str) -> None:
    rule = build_rule(ImportedReward(path=f"own_rules:{name}"))
    with pytest.raises(OwnCodeError, match=f"own_rules:{name} {told}"):
        rule(3.0, OUTCOME)


def test_any_real_number_is_a_reward() -> None:
    earned = build_rule(ImportedReward(path="own_rules:single"))(3.0, OUTCOME)
    assert earned == 3.0 and type(earned) is float and not isinstance(earned, np.floating)
