"""Every shipped preset parses, reproduces itself and dry-runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from advgame.assets import pull
from advgame.config import dump, load, preset_names, preset_summary
from advgame.config.overrides import differing
from advgame.dryrun import dry_run
from advgame.dryrun.shapes import shape_of, shipped_shapes

PAPER = [name for name in preset_names() if name.startswith("paper/")]
GONE = "gone"  # of a key that the main recipe has and the ablation has not


def both(learn: dict[str, object]) -> dict[str, object]:
    return {f"{who}.learn.{key}": learn[key] for who in ("attacker", "defender") for key in learn}


POINTWISE: dict[str, object] = {
    "judges.defender.mode": "pointwise",
    "judges.attacker.mode": "pointwise",
}
GRPO = {
    "game.prompts_per_seed": 4,
    "game.replies_per_prompt": 4,
    **both(
        {
            "reference": "frozen",
            "credit.type": "advantages",
            "credit.baseline": "step",
            "credit.train_on_faults": True,
            "credit.cut_truncated": GONE,
            "credit.top": GONE,
            "credit.min_gap.benign": GONE,
            "credit.min_gap.harmful": GONE,
            "objective.type": "grpo",
            "objective.importance_cap": 2.0,
            "objective.token_mean": False,
            "objective.kl": GONE,
            "objective.length_normalised": GONE,
            "objective.nll": GONE,
        }
    ),
}
# What each changes of the published main recipe, to what.
ABLATIONS: dict[str, dict[str, object]] = {
    "pointwise": POINTWISE,
    "on-policy": both({"sample_from": "policy", "reference": "frozen"}),
    "no-attacker-judge": {"judges.attacker_scores": False},
    "non-optimistic": {"game.attacker_reply": "first"},
    "no-thinking": {"attacker.format": "tags-nothink"},
    "small-judge": {
        f"judges.{judge}.model": "Qwen/Qwen2.5-7B-Instruct"
        for judge in ("defender", "attacker", "faithfulness")
    },
    "grpo-pairwise-onpolicy": GRPO | both({"sample_from": "policy"}),
    "grpo-pointwise-offpolicy": GRPO | POINTWISE,
}
BASELINES = {"sequential", "selfplay", "static", "defender-only", "attacker-only"}


def test_what_ships() -> None:
    names = set(preset_names())
    assert {"tiny", "demo", "laptop"} <= names
    assert {f"ablations/{name}" for name in ABLATIONS} == {
        name for name in names if name.startswith("ablations/")
    }
    assert {f"baselines/{name}" for name in BASELINES} <= names
    assert len(PAPER) == 6


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No network and an empty cache, and nothing asks for either, be it in vain."""
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise OSError("there is no network")

    cache = tmp_path / "cache"
    monkeypatch.setenv("ADVGAME_CACHE", str(cache))
    monkeypatch.setattr(pull, "fetch", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not asked
    assert not cache.exists()


@pytest.mark.usefixtures("alone")
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


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_what_it_says_and_nothing_else(name: str) -> None:
    names = {"main": "paper/qwen2.5-7b-dpo-md", "ablation": f"ablations/{name}"}
    rows = differing({whose: load(of).model_dump(mode="json") for whose, of in names.items()})
    assert {key: row.get("ablation", GONE) for key, row in rows.items()} == ABLATIONS[name]


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
