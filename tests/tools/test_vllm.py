"""vLLM, offline, says what the player of a run says: from merged weights, and from the adapter."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest
from exported import greedy, said_by_player
from training import disturb

from advgame.config import load
from advgame.learn.checkpoint import save_weights
from advgame.models.build import build_players
from advgame.models.export import Form, export
from advgame.models.resolve import resolve
from advgame.store import RunFolder
from advgame.types import Completion, Role

from .conftest import TOOLS, Tool, here

TOKENS = 24
ASKED = [
    greedy(prompt, TOKENS)
    for prompt in ("What is the capital of France?", "How do kites fly?", "Name three rivers.")
]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SmolLM2-135M whose players have moved, as training moves them: in each adapter."""
    path = tmp_path_factory.mktemp("vllm") / "run"
    same = [f"{role.value}.{how}" for role in Role for how in ("dtype=float32", "device=cpu")]
    config = load("laptop", same)
    players = build_players(config.attacker, config.defender, config.seed)
    for number, weights in enumerate(players.values()):
        disturb(weights, number, scale=0.01)
    with RunFolder.open(path, config) as run:
        run.save(
            1,
            {
                role.value: partial(save_weights, weights=weights, sets=("policy", "ema"))
                for role, weights in players.items()
            },
            {},
        )
        run.rewind(1)
    return path


@pytest.mark.parametrize(("role", "form"), [(Role.ATTACKER, "merged"), (Role.DEFENDER, "adapter")])
def test_an_exported_player(tool: Tool, moved: Path, role: Role, form: Form) -> None:
    here(tool)
    folder = str(export(moved, tool.folder / "player", role=role, form=form))
    ours = said_by_player(moved, role, *ASKED)
    base = str(resolve("smollm2-135m-instruct"))
    theirs = said_by_vllm(
        tool,
        model=base if form == "adapter" else folder,
        adapter=folder if form == "adapter" else None,
        prompts=[list(reply.prompt_ids) for reply in ours],
        tokens=TOKENS,
    )
    assert theirs == tokens(ours)
    assert theirs != tokens(said_by_player(moved, role, *ASKED, trained=False))
    assert tool.contacts == []


def tokens(replies: list[Completion]) -> list[list[int]]:
    return [list(reply.token_ids) for reply in replies]


def said_by_vllm(tool: Tool, **question: object) -> list[list[int]]:
    environment = {
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    done = subprocess.run(
        [TOOLS / "vllm/bin/python", Path(__file__).with_name("vllm_generate.py")],
        input=json.dumps(question),
        cwd=tool.folder,
        env=tool.environment | environment,
        capture_output=True,
        text=True,
        timeout=3_000,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    return found
