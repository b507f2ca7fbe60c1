"""What `scripts/train_embedded_judge.py` lets each of the two judges learn from."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from advgame.judges.embedded.heads import SHIPPED
from advgame.judges.embedded.text import words

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.assets
def test_the_two_judges_learn_from_disjoint_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    script = runpy.run_path(str(SCRIPTS / "train_embedded_judge.py"))
    requests: dict[str, set[str]] = {style: set() for style in SHIPPED}

    def fit(recipe: object, labels: list, style: str) -> None:
        assert {label.target for label in labels} == {0, 1}
        requests[style] |= {" ".join(words(label.request)) for label in labels}

    stand_ins = {
        "fit": fit,
        "Views": lambda embedder, style: style,
        "Heads": lambda **_: SimpleNamespace(save=lambda path: None),
        "build_embedder": lambda name: None,
        "WEIGHTS": tmp_path,
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setitem(script["main"].__globals__, name, stand_in)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(sys, "argv", ["train_embedded_judge.py", "--no-card"])
    script["main"]()

    a, b = SHIPPED
    assert min(len(requests[a]), len(requests[b])) > 100
    assert requests[a].isdisjoint(requests[b])
