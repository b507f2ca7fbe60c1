"""Estimates from shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advgame.config import load
from advgame.dryrun import dry_run
from advgame.dryrun.estimate import memory, peak, work
from advgame.dryrun.shapes import adapter_parameters, shape_of
from advgame.errors import ConfigError


def test_adapter_parameters_by_hand() -> None:
    config = load("laptop", ["attacker.adapter={rank: 2, first_layer: 29, targets: [q_proj]}"])
    shape = shape_of(config.attacker.model)
    assert shape is not None
    assert adapter_parameters(shape, config.attacker) == 2 * (576 + 576)


def test_adapters_share_one_base_and_full_weights_do_not() -> None:
    bases = [part for part in memory(load("laptop")) if part.name == "frozen base"]
    assert len(bases) == 1
    other = memory(load("laptop", ["attacker.dtype=bfloat16"]))
    assert sum(part.name == "frozen base" for part in other) == 2
    full = ["attacker.adapter=null", "defender.adapter=null"]
    assert peak(memory(load("laptop", full))) > peak(memory(load("laptop")))


def test_the_demo_fits_in_four_gigabytes() -> None:
    assert peak(memory(load("demo"))) < 3.2e9  # the rest is for the runtime


def test_work_counts_branches() -> None:
    overrides = [
        "seeds.attacked={harmful: 3, benign: 1}",
        "seeds.direct={harmful: 2, benign: 0}",
        "game.prompts_per_seed=2",
        "game.replies_per_prompt=5",
        "game.direct_replies=6",
    ]
    done = work(load("laptop", overrides))
    assert (done.prompts, done.replies) == (8, 8 * 5 + 2 * 6)


def test_pairwise_comparisons_ask_both_orders() -> None:
    seeds = ["seeds.attacked={harmful: 1, benign: 0}"]
    assert work(load("paper/qwen2.5-7b-grpo", seeds)).comparisons == 4 * 6 * 2
    one = [*seeds, "judges.defender.both_orders=false"]
    assert work(load("paper/qwen2.5-7b-grpo", one)).comparisons == 4 * 6


def test_attacks_are_judged_too() -> None:
    """A pairwise judge compares the replies that the four prompts of a seed drew."""
    seeds = ["seeds.attacked={harmful: 1, benign: 1}"]
    grpo = "paper/qwen2.5-7b-grpo"
    assert work(load(grpo, seeds)).attack_comparisons == 2 * 6 * 2
    assert work(load(grpo, [*seeds, "judges.attacker_scores=false"])).attack_comparisons == 0
    own = "judges.attacker={type: embedded, name: a}"
    assert work(load(grpo, [*seeds, own])).attack_comparisons == 2 * 4


def test_too_few_layers() -> None:
    with pytest.raises(ConfigError, match="has 30 layers; use at most 29"):
        dry_run(load("laptop", ["defender.adapter.first_layer=30"]))


def test_a_local_folder_and_an_unknown_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "hidden_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "intermediate_size": 128,
                "vocab_size": 1000,
            }
        )
    )
    local = dry_run(load("laptop", [f"defender.model={tmp_path}", "defender.adapter=null"]))
    assert "2 layers, 64 wide, 4/4 heads, 1000 tokens" in local
    assert "shape not known" in dry_run(load("laptop", ["defender.model=some/where"]))
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ConfigError, match="not the configuration of a decoder"):
        dry_run(load("laptop", [f"defender.model={tmp_path}"]))
