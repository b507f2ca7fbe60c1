"""`train --dry-run`: what a configuration would load, hold in memory and do each step, as text.

From shapes alone: no weights, no network, no torch.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from advgame.config.judges import (
    EmbeddedJudgeConfig,
    GenerativeCheckConfig,
    GenerativeJudgeConfig,
    ImportedCheckConfig,
    ImportedJudgeConfig,
)
from advgame.config.players import OpenAIEngine, PlayerConfig
from advgame.config.root import RunConfig
from advgame.dryrun.estimate import memory, named_judges, peak, work
from advgame.dryrun.shapes import adapter_parameters, shape_of
from advgame.errors import ConfigError
from advgame.models.resolve import check_name
from advgame.seeds.load import check as check_seeds
from advgame.types import Kind, Role


def dry_run(config: RunConfig) -> str:
    """The whole description, in 80 columns.

    Raises:
        ConfigError: a local model folder is not one; an adapter leaves no layer to train.
        ModelError: no model can have such a name.
        SeedError: a seed set is unknown, or a file of one's own is missing or malformed.
    """
    for model in _loaded_here(config):
        check_name(model)
    check_seeds(config.seeds)
    step = work(config)
    budget = config.train.budget_tokens
    until = f" or {budget:,} tokens" if budget else ""
    lines = [f"{config.name}: {config.schedule.type}, {config.train.steps} steps{until}"]
    lines += ["", "Models"]
    lines += list(_models(config))
    lines += ["", "Judges", *_judges(config), "", "Seeds", *_seeds(config)]
    lines += ["", "Memory, estimated from shapes (auto counted as float32)"]
    parts = memory(config)
    lines += [f"  {p.owner:<17} {p.name:<44} {_gigabytes(p.bytes)}" for p in parts]
    lines += [f"  {'at most at once, runtime left out':<62} {_gigabytes(peak(parts))}"]
    lines += ["", "A step, at most"]
    lines += [
        f"  {step.prompts} attacks of {config.attacker.sampling.max_new_tokens} new tokens, "
        f"{step.replies} replies of {config.defender.sampling.max_new_tokens}: "
        f"{step.attacker_tokens + step.defender_tokens:,} tokens sampled",
        f"  {step.comparisons} judgements of replies ({config.judges.defender.type}), "
        f"{step.attack_comparisons} of attacks",
    ]
    return "\n".join(_wrapped(line) for line in lines)


def _loaded_here(config: RunConfig) -> Iterator[str]:
    """Names of the language models that this process would load."""
    judges = (
        judge
        for judge in named_judges(config).values()
        if isinstance(judge, GenerativeJudgeConfig | GenerativeCheckConfig)
    )
    for each in (config.attacker, config.defender, *judges):
        if not isinstance(each.engine, OpenAIEngine):
            yield each.model


def _models(config: RunConfig) -> Iterator[str]:
    for role in Role:
        player = config.player(role)
        yield f"  {role.value:<9} {player.model}"
        yield f"            {_where(player)}"
        shape = shape_of(player.model)
        if shape is None:
            if not isinstance(player.engine, OpenAIEngine):
                yield "            shape not known before it is fetched; left out below"
            continue
        yield (
            f"            {_count(shape.parameters)} parameters: {shape.layers} layers, "
            f"{shape.hidden} wide, {shape.heads}/{shape.kv_heads} heads, {shape.vocab} tokens"
        )
        if player.adapter is not None and not isinstance(player.engine, OpenAIEngine):
            if player.adapter.first_layer >= shape.layers:
                raise ConfigError(
                    f"{role}.adapter.first_layer = {player.adapter.first_layer}: {player.model} "
                    f"has {shape.layers} layers; use at most {shape.layers - 1}"
                )
            yield (
                f"            LoRA rank {player.adapter.rank} on layers "
                f"{player.adapter.first_layer}-{shape.layers - 1}: "
                f"{_count(adapter_parameters(shape, player))} trained"
            )


def _judges(config: RunConfig) -> Iterator[str]:
    for name, judge in named_judges(config).items():
        match judge:
            case None:
                told = "as the defender's" if name == "attacker" else "none"
            case GenerativeJudgeConfig() | GenerativeCheckConfig():
                where = judge.engine
                place = where.base_url if isinstance(where, OpenAIEngine) else "in this process"
                told = f"{judge.model}, {place}"
            case EmbeddedJudgeConfig():
                compares = ", comparing" if judge.mode == "pairwise" else ""
                told = f"embedded {judge.name} over {judge.embedder}{compares}"
            case ImportedJudgeConfig() | ImportedCheckConfig():
                told = judge.path
            case _:
                told = judge.type
        yield f"  {name:<13} {told}"


def _seeds(config: RunConfig) -> Iterator[str]:
    for kind in Kind:
        sources = getattr(config.seeds, kind.value)
        names = ", ".join(s if isinstance(s, str) else s.name for s in sources)
        attacked, direct = (getattr(config.seeds, way) for way in ("attacked", "direct"))
        counts = f"{getattr(attacked, kind.value)} attacked, {getattr(direct, kind.value)} direct"
        back = getattr(config.seeds.again, kind.value)
        again = f", up to {back} of them again" if back else ""
        yield f"  {kind.value:<13} {counts}{again} a step, from {names}"


def _where(player: PlayerConfig) -> str:
    if isinstance(player.engine, OpenAIEngine):
        return f"served by {player.engine.base_url}, frozen"
    learn = player.learn
    return (
        f"here, {player.dtype}; {learn.objective.type}, sampled from {learn.sample_from}, "
        f"reference {learn.reference}, lr {learn.lr:g}"
    )


def _wrapped(line: str) -> str:
    if len(line) <= 80:
        return line
    return textwrap.fill(line, 80, subsequent_indent=" " * 18, break_long_words=False)


def _count(number: float) -> str:
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:9.3f} GB"
