"""Rules that span several keys: what each player, judge and schedule asks of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path

from advgame.config.course import best_kept, pool_met
from advgame.config.judges import (
    GenerativeJudgeConfig,
    RuleJudgeConfig,
    SandboxJudgeConfig,
    identity,
)
from advgame.config.players import GRPOConfig, OpenAIEngine
from advgame.config.root import RunConfig
from advgame.errors import ConfigError
from advgame.types import Kind, Role

_MAY_DO_BOTH = (RuleJudgeConfig, SandboxJudgeConfig)  # for tests; facts that nobody can please
_MOST_THREADS = 1024  # far above any use; what the operating system refuses is no message
_MOST_REPLIES = 1_000_000  # a step; a hundred times what is measured, and its episodes fit memory


def learners(config: RunConfig) -> tuple[Role, ...]:
    """The players that the schedule trains in some step."""
    # Inside, because the schedule is built on this package.
    from advgame.schedule import ever_learns

    return ever_learns(config.schedule)


def check(config: RunConfig) -> None:
    """Check what no single key can.

    Raises:
        ConfigError: every problem found, a line each.
    """
    problems = [problem for rule in _RULES for problem in rule(config)]
    if problems:
        raise ConfigError("\n".join(problems[:3]))


def _trainable(config: RunConfig) -> Iterator[str]:
    for role in learners(config):
        if isinstance(config.player(role).engine, OpenAIEngine):
            yield (
                f"{role}.engine.type = openai: an endpoint cannot be trained; use hf, or a "
                f"schedule that leaves the {role} alone"
            )


def _formats(config: RunConfig) -> Iterator[str]:
    from advgame.prompts.formats import get_format

    for role in Role:
        try:
            get_format(role, config.player(role).format)
        except ConfigError as error:
            yield str(error)


def _seeds(config: RunConfig) -> Iterator[str]:
    attacked, direct = config.seeds.attacked, config.seeds.direct
    some_attacked = attacked.harmful + attacked.benign > 0
    if not some_attacked and direct.harmful + direct.benign == 0:
        yield "seeds.attacked and seeds.direct are all 0: nothing to play; raise one of them"
    elif not some_attacked and Role.ATTACKER in learners(config):
        yield "seeds.attacked is all 0, so the attacker never plays; raise it or train one player"
    for kind in Kind:
        for key, counts in (("attacked", attacked), ("direct", direct)):
            wanted = getattr(counts, kind)
            if wanted and not getattr(config.seeds, kind):
                yield f"seeds.{key}.{kind} = {wanted}: seeds.{kind} is empty; name a set or use 0"


def _size(config: RunConfig) -> Iterator[str]:
    # Inside, because it is built on this package.
    from advgame.dryrun.estimate import work

    replies = work(config).replies
    if replies > _MOST_REPLIES:
        yield (
            f"a step would have {replies:,} replies, at most {_MOST_REPLIES:,} are taken: lower "
            "seeds.attacked, seeds.direct, game.prompts_per_seed or game.replies_per_prompt"
        )


def _contrast(config: RunConfig) -> Iterator[str]:
    groups = _groups(config)
    if not groups:
        return  # `_seeds` says so
    counts = {
        Role.ATTACKER: ("game.prompts_per_seed", config.game.prompts_per_seed),
        Role.DEFENDER: max(groups, key=lambda group: group[1]),
    }
    guided = config.defender.guide.harmful + config.defender.guide.benign
    for role in learners(config):
        key, count = counts[role]
        player = config.player(role)
        credit = player.learn.credit_or_default
        inside = credit.type == "pairs" or credit.baseline == "seed"
        if count < 2 and inside:
            yield f"{key} = {count}: {role} learns from contrasts inside a group; needs at least 2"
        elif inside and player.sampling.temperature == 0 and not (role is Role.DEFENDER and guided):
            yield (
                f"{role}.sampling.temperature = 0: every move of a group is the same, so there is "
                "no contrast to learn from; raise it"
            )
        elif count < 2 and (most := _together(config, role)) < 2:
            yield (
                f"{key} = {count}: {role} learns from contrasts among what an update takes, and "
                f"none takes more than {most}; raise it or the seeds, or lower "
                f"{role}.learn.minibatches"
            )


def _groups(config: RunConfig) -> list[tuple[str, int]]:
    """The replies that stand side by side, by what sets their number, where there are any."""
    game, attacked, direct = config.game, config.seeds.attacked, config.seeds.direct
    found = []
    if attacked.harmful + attacked.benign:
        found.append(("game.replies_per_prompt", game.replies_per_prompt))
    if direct.harmful + direct.benign:
        alone = game.direct_replies
        found.append(
            ("game.direct_replies", alone)
            if alone is not None
            else ("game.replies_per_prompt", game.replies_per_prompt)
        )
    return found


def _together(config: RunConfig, role: Role) -> int:
    """The most moves that an optimiser step of a player is meant to take, one a group."""
    # Inside, because the schedule is built on this package.
    from advgame.schedule import splits

    seeds, game = config.seeds, config.game
    each = {Role.ATTACKER: (1, 0), Role.DEFENDER: (game.prompts_per_seed, 1)}[role]
    parts = config.player(role).learn.minibatches  # of the seeds

    def groups(kind: Kind) -> int:
        attacked, direct = getattr(seeds.attacked, kind), getattr(seeds.direct, kind)
        return int(ceil(attacked / parts) * each[0] + ceil(direct / parts) * each[1])

    return max(sum(map(groups, kinds)) for kinds in splits(config.train.update))


def _guide(config: RunConfig) -> Iterator[str]:
    if config.attacker.guide.harmful or config.attacker.guide.benign:
        yield "attacker.guide: only the defender can be guided; set its counts to 0"
    guide, learn = config.defender.guide, config.defender.learn
    most = max(guide.harmful, guide.benign)
    if not most:
        return
    fewest = min((count for _, count in _groups(config)), default=most)
    if most > fewest:
        yield f"defender.guide asks for {most} guided replies of {fewest}; lower it or raise D"
    if learn.reference == "recorded":
        yield (
            "defender.learn.reference = recorded: guided replies were recorded under a prompt "
            "left out in training; use ema or frozen, or no guide (its harmful and benign 0)"
        )
    if isinstance(learn.objective, GRPOConfig) and learn.objective.importance_cap is None:
        yield (
            "defender.learn.objective.importance_cap = null: guided replies are off-policy, grpo "
            "needs the importance weight; set a cap, or no guide (its harmful and benign 0)"
        )


def _reference(config: RunConfig) -> Iterator[str]:
    for role in learners(config):
        learn = config.player(role).learn
        if learn.reference == "recorded" and learn.sample_from == "policy":
            yield (
                f"{role}.learn.reference = recorded with sample_from = policy: the policy would "
                "be its own reference and nothing holds it; use sample_from=ema or reference=frozen"
            )


def _judges(config: RunConfig) -> Iterator[str]:
    judges, evaluation = config.judges, config.judges.evaluation
    for name, training in (("defender", judges.defender), ("attacker", judges.attacker)):
        if evaluation is None or training is None or isinstance(evaluation, _MAY_DO_BOTH):
            continue
        models = [each.model for each in (training, evaluation)
                  if isinstance(each, GenerativeJudgeConfig)]  # fmt: skip
        alike = len(models) == 2 and models[0] == models[1]  # other rubrics are no other judge
        if alike or identity(training) == identity(evaluation):
            yield (
                f"judges.evaluation is the judge that trains (judges.{name}): its rates would "
                "flatter; choose another judge, or null"
            )


def _audit(config: RunConfig) -> Iterator[str]:
    every = config.judges.audit.every
    if every == "auto":
        return
    if every < 0:
        yield f"judges.audit.every = {every}: use auto, 0 for never, or a number of steps"
    elif every and config.judges.evaluation is None:
        yield (
            f"judges.audit.every = {every}: an audit needs a second judge; set judges.evaluation, "
            "or judges.audit.every=0"
        )


def _selfplay(config: RunConfig) -> Iterator[str]:
    if not config.selfplay:
        return
    for key in ("model", "engine", "dtype", "device", "adapter", "learn"):
        if getattr(config.attacker, key) != getattr(config.defender, key):
            yield f"schedule.type = selfplay shares one policy, but the players' {key} differ"


def _name(config: RunConfig) -> Iterator[str]:
    name = config.name
    if not (name and name.isprintable() and Path(name).name == name):
        yield f"name = {name!r}: it names a folder below runs/; write it without slashes"


def _threads(config: RunConfig) -> Iterator[str]:
    threads = config.train.threads
    if threads != "auto" and not 1 <= threads <= _MOST_THREADS:
        yield f"train.threads = {threads}: use auto, or a number from 1 to {_MOST_THREADS}"


_RULES: tuple[Callable[[RunConfig], Iterator[str]], ...] = (
    _trainable,
    _formats,
    _seeds,
    _size,
    _contrast,
    _guide,
    _reference,
    _judges,
    _audit,
    _selfplay,
    _name,
    _threads,
    best_kept,
    pool_met,
)
