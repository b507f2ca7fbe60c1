"""A small study, its plan, and no encoder to be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import STUDY, Words, write_seeds

from advgame.study import measure
from advgame.study.plan import Plan, make_plan


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "build_embedder", lambda name: Words())


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    write_seeds(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return make_plan(tmp_path / "study.yaml")
