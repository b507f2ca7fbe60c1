"""Rules that span keys."""

from __future__ import annotations

import pytest

from advgame.config import load
from advgame.config.checks import learners
from advgame.errors import ConfigError

SERVED = "engine={type: openai, base_url: 'http://127.0.0.1:1/v1'}"
GRPO = ["defender.learn.credit=null", "defender.learn.objective.type=grpo"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"attacker.{SERVED}"], "attacker.engine.type = openai: an endpoint cannot be trained"),
        (["attacker.format=song"], "attacker.format: no format 'song'; use one of: tags"),
        (
            ["seeds.attacked={harmful: 0, benign: 0}", "seeds.direct={harmful: 0, benign: 0}"],
            "nothing to play",
        ),
        (["seeds.attacked={harmful: 0, benign: 0}"], "the attacker never plays"),
        (["game.prompts_per_seed=1"], "game.prompts_per_seed = 1: attacker learns from contrasts"),
        (
            ["schedule.type=defender-only", "seeds.attacked={harmful: 0, benign: 0}",
             "seeds.direct={harmful: 4, benign: 4}", "game.direct_replies=1"],
            "game.direct_replies = 1: defender learns from contrasts",
        ),
        (
            ["game.replies_per_prompt=1", "seeds.direct={harmful: 0, benign: 0}",
             "game.direct_replies=4", "defender.guide={harmful: 0, benign: 0}"],
            "game.replies_per_prompt = 1: defender learns from contrasts",
        ),
        (["seeds.attacked.harmful=1000000000"], "a step would have 12,000,000,"),
        (["game.direct_replies=1000000"], "at most 1,000,000 are taken: lower seeds.attacked"),
        (["attacker.guide.harmful=1"], "attacker.guide: only the defender can be guided"),
        (["defender.guide.harmful=9"], "asks for 9 guided replies of "),
        (["defender.learn.reference=recorded"], "guided replies were recorded under a prompt"),
        (
            [*GRPO, "defender.learn.objective.importance_cap=null"],
            "guided replies are off-policy",
        ),
        (
            ["attacker.learn.reference=recorded", "attacker.learn.sample_from=policy"],
            "would be its own reference",
        ),
        (["judges.evaluation.name=a"], "judges.evaluation is the judge that trains"),
        (
            [
                "judges.attacker={type: embedded, name: b}",
            ],
            "(judges.attacker)",
        ),
        (
            [
                "judges.defender={type: generative, model: m, engine: {type: openai, "
                "base_url: 'http://h/v1', timeout: 60}}",
                "judges.evaluation={type: generative, model: m, engine: {type: openai, "
                "base_url: 'http://h/v1', timeout: 61}}",
            ],
            "judges.evaluation is the judge that trains",
        ),
        (["schedule.type=selfplay"], "shares one policy, but the players' learn differ"),
        (
            ["train.save.keep_best=validation/direct/harmful/attack_success",
             "train.validation.every=0"],
            "never measured",
        ),
        (
            ["train.save.keep_best=validation/direct/harmful/atack_success"],
            "did you mean validation/direct/harmful/attack_success?",
        ),
        (["train.save.keep_best=validation/attacked/benign/over_refusal"], "no such metric"),
        (["pool={share: 0.05}"], "pool.share = 0.05: that is not one of 10 harmful and 1 benign"),
        (
            ["attacker.sampling.temperature=0", "pool=null"],
            "attacker.sampling.temperature = 0: every move of a group is the same",
        ),
        (
            [
                "game.prompts_per_seed=1",
                "attacker.learn.credit=null",
                "attacker.learn.objective.type=grpo",
                "seeds.attacked={harmful: 2, benign: 2}",
                "attacker.learn.minibatches=2",
                "pool=null",
            ],
            "none takes more than 1",
        ),
        (["attacker.learn.objective.type=grpo"], "objective grpo needs credit.type=advantages"),
    ],
)  # fmt: skip
def test_impossible_together(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("laptop", overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [f"attacker.{SERVED}", "schedule.type=defender-only", "pool=null"],
        [f"attacker.{SERVED}", "schedule.type=defender-only", "pool={every: 1}"],  # of no use
        ["seeds.attacked={harmful: 0, benign: 0}", "schedule.type=defender-only", "pool=null"],
        ["game.prompts_per_seed=1", "schedule.type=defender-only"],
        ["judges.evaluation=null"],
        ["defender.sampling.temperature=0"],  # guided replies are others
        [  # nothing is attacked, so only direct groups have a guided reply
            "seeds.attacked={harmful: 0, benign: 0}",
            "schedule.type=defender-only",
            "pool=null",
            "game.direct_replies=6",
            "game.replies_per_prompt=2",
            "defender.guide.harmful=3",
        ],
        GRPO,
        [
            "defender.guide={harmful: 0, benign: 0}",
            "defender.learn.sample_from=ema",
            "defender.learn.reference=recorded",
        ],
        [
            "game.prompts_per_seed=1",
            "attacker.learn.credit=null",
            "attacker.learn.objective.type=grpo",
        ],
    ],
)
def test_possible_together(overrides: list[str]) -> None:
    load("laptop", overrides)


@pytest.mark.parametrize(
    ("schedule", "who"),
    [
        ("joint", {"attacker", "defender"}),
        ("sequential", {"attacker", "defender"}),
        ("static", {"defender"}),
        ("defender-only", {"defender"}),
        ("attacker-only", {"attacker"}),
    ],
)
def test_who_learns(schedule: str, who: set[str]) -> None:
    assert set(learners(load("laptop", [f"schedule.type={schedule}"]))) == who
