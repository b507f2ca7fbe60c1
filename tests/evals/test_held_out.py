"""Which seeds `measure` asks: none that the run trains or validates on, whatever its files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advgame.config import load
from advgame.config.game import SeedsConfig
from advgame.evals.subjects import held_out_seeds
from advgame.seeds.load import load as load_seeds
from advgame.types import Kind


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_row_of_ones_own_says_its_split(tmp_path: Path, split: str) -> None:
    own = SeedsConfig(harmful=(), benign=("benign-everyday",))
    texts = [seed.text for seed in load_seeds(own, "test", (Kind.BENIGN,)).benign][:20]
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps({"text": text, "split": split}) + "\n" for text in texts))
    config = load("tiny", [f"seeds.benign=[{file}]"])
    found = held_out_seeds(config, ("benign-everyday",), 1000)["benign-everyday"]
    assert found and not {seed.text for seed in found} & set(texts)
    every = held_out_seeds(load("tiny"), ("benign-everyday",), 1000)["benign-everyday"]
    assert {seed.text for seed in every} == {seed.text for seed in found} | set(texts)
