"""`transformers serve` on an exported player says what the player in the run says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from exported import FULL, greedy, said_by_player, train_loud
from transformers_serve import transformers_serve

from advgame.config.players import OpenAIEngine
from advgame.engines.openai import OpenAISampler
from advgame.models.export import export
from advgame.types import Completion, Role

pytestmark = pytest.mark.slow
pytest.importorskip("openai", reason="transformers serve needs it")

ASKED = [greedy(prompt) for prompt in ("hello", "what is a kite?", "Name three rivers.")]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


def served(base_url: str, folder: Path) -> list[tuple[str, str]]:
    sampler = OpenAISampler(OpenAIEngine(base_url=base_url, retries=0), str(folder))
    return read(reply for [reply] in asyncio.run(sampler.sample(ASKED)))


def read(replies: Iterable[Completion]) -> list[tuple[str, str]]:
    return [(reply.text, reply.finish.value) for reply in replies]


@pytest.mark.parametrize(
    ("role", "overrides"),
    [(Role.DEFENDER, ()), (Role.ATTACKER, FULL)],
    ids=["merged adapter", "full weights"],
)
def test_a_trained_player_is_served(
    base_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
    overrides: tuple[str, ...],
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    run = train_loud(tmp_path / "run", *overrides)
    said = served(base_url, export(run, tmp_path / "out", role=role))
    assert said == read(said_by_player(run, role, *ASKED))
    untrained = said_by_player(run, role, *ASKED, trained=False)
    assert said != read(untrained)  # so what was served is what was learned
