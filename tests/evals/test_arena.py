"""The players of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command import start

from advgame.engines.build import build_sampler
from advgame.evals import arena
from advgame.types import Role


@pytest.mark.parametrize("role", Role)
def test_a_seat_plays_the_weights_it_is_asked_for(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert start("defender.learn.sample_from=ema", "attacker.learn.sample_from=policy") == 0
    players = arena.RunPlayers.of(Path("run"))
    players.load(None)
    played: list[tuple[object, str]] = []

    def build(player: Any, weights: Any, name: Any) -> Any:
        played.append((weights, name))
        return build_sampler(player, weights, name)

    monkeypatch.setattr(arena, "build_sampler", build)
    players.seat(role, "trained", "policy")
    players.seat(role, "trained", "ema")
    players.seat(role, "trained")
    players.seat(role, "start", "ema")
    own = {Role.ATTACKER: "policy", Role.DEFENDER: "ema"}[role]
    assert played == [(players.weights[role], name) for name in ("policy", "ema", own, "start")]
