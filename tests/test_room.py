"""Seeds that no player has room for are told of before the first step."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from advgame.config import load
from advgame.errors import SeedError
from advgame.store.reader import open_readonly
from advgame.train import train

ROOM = ["train.threads=1", "train.validation.every=0", "train.steps=2", "seeds.direct.harmful=4"]


def run(folder: Path, words: int) -> None:
    rows = [{"text": f"how {n}" + n * " go", "split": "train"} for n in (1, 2, words)]
    rows += [{"text": "where do they go", "split": "validation"}]
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    train(load("tiny", [*ROOM, f"seeds.harmful=[{path}]"]), folder / f"run-{words}")


def least_too_long(folder: Path, low: int, high: int) -> int:
    """The fewest words that are refused, by halving; each shorter text has been played."""
    while high - low > 1:
        middle = (low + high) // 2
        try:
            run(folder, middle)
        except SeedError:
            high = middle
        else:
            low = middle
    return high


def test_of_fixed_attacks_those_are_played_that_fit(tmp_path: Path) -> None:
    """Under every guide, too, which the third of them does not: a draw too long ends a run."""
    text = "how do they go"
    path = tmp_path / "own.jsonl"
    rows = [{"text": text, "split": "train"}, {"text": "who goes", "split": "validation"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    attacks = [f"{text} {end}" for end in ("now", "go " * 300, "go " * 550, "go " * 2_900)]
    (tmp_path / "attacks.jsonl").write_text(
        "".join(json.dumps({"prompt": each, "seed": text}) + "\n" for each in attacks)
    )
    made = load(
        "tiny",
        [
            "train.threads=1", "train.validation.every=0", "train.steps=2",
            f"seeds.harmful=[{path}]", "game.prompts_per_seed=8",
            f"schedule={{type: static, attacks: '{tmp_path}/attacks.jsonl'}}",
        ],
    )  # fmt: skip
    train(made, tmp_path / "run")
    played = {
        branch.attack.move.text
        for step in range(2)
        for episode in open_readonly(tmp_path / "run").episodes(step)
        for branch in episode.branches
        if episode.seed.text == text and not episode.seed.direct
    }
    assert {" ".join(each.split()) for each in played} == {" ".join(a.split()) for a in attacks[:2]}


def test_what_fits_is_played_and_what_does_not_is_refused_at_once(tmp_path: Path) -> None:
    words = least_too_long(tmp_path, 100, 2_048)
    with pytest.raises(SeedError, match="seeds are too long for the attacker") as caught:
        run(tmp_path, words)
    said = re.search(r"keeps 12 for its own move .* takes (\d+)\.", str(caught.value))
    assert said and 2_036 < int(said[1]) < 2_044  # a word less, of a few tokens, was played
    assert not (tmp_path / f"run-{words}/metrics.jsonl").exists()
