"""Every shipped preset parses, reproduces itself and dry-runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from advgame.config import dump, load, preset_names, preset_summary
from advgame.dryrun import dry_run
from advgame.dryrun.shapes import shape_of, shipped_shapes

PAPER = [name for name in preset_names() if name.startswith("paper/")]
ABLATIONS = {
    "pointwise",
    "on-policy",
    "no-attacker-judge",
    "non-optimistic",
    "no-thinking",
    "small-judge",
    "grpo-pairwise-onpolicy",
    "grpo-pointwise-offpolicy",
}
BASELINES = {"sequential", "selfplay", "static", "defender-only", "attacker-only"}


def test_what_ships() -> None:
    names = set(preset_names())
    assert {"tiny", "demo", "laptop"} <= names
    assert {f"ablations/{name}" for name in ABLATIONS} <= names
    assert {f"baselines/{name}" for name in BASELINES} <= names
    assert len(PAPER) == 6


@pytest.mark.parametrize("name", preset_names())
def test_preset(name: str, tmp_path: Path) -> None:
    config = load(name)
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump(config))
    assert load(copy) == config
    assert len(preset_summary(name)) > 10
    told = dry_run(config)
    assert all(len(line) <= 80 for line in told.splitlines())
    assert shape_of(config.attacker.model)
    assert shape_of(config.defender.model)


@pytest.mark.parametrize("name", PAPER)
def test_paper_figures(name: str) -> None:
    config = load(name)
    grpo = "grpo" in name
    each = 4 if grpo else 2
    assert (config.game.prompts_per_seed, config.game.replies_per_prompt) == (each, each)
    assert (config.train.steps, config.train.validation.every, config.train.save.every) == (
        1000,
        25,
        50,
    )
    for player in (config.attacker, config.defender):
        learn = player.learn
        assert (learn.lr, learn.betas, learn.weight_decay) == (1e-6, (0.9, 0.95), 0.1)
        assert (learn.decay, learn.final_lr, learn.max_grad_norm) == ("cosine", 0.2, 1.0)
        assert (learn.ema_decay, learn.objective.beta) == (0.95, 0.1)
        assert (learn.sample_from, learn.reference) == ("ema", "frozen" if grpo else "ema")
        assert (player.sampling.temperature, player.sampling.top_p) == (0.6, 0.9)
        assert player.sampling.max_new_tokens == 2048
        assert player.adapter is None
        assert player.guide.harmful == player.guide.benign == 0


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7.62),
        ("Qwen/Qwen2.5-32B-Instruct", 32.76),
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03),
        ("meta-llama/Llama-3.3-70B-Instruct", 70.55),
        ("smollm2-135m-instruct", 0.1345),
    ],
)
def test_shapes_give_the_published_sizes(model: str, billions: float) -> None:
    assert shipped_shapes()[model].parameters / 1e9 == pytest.approx(billions, rel=0.002)
