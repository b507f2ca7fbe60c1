"""From a study file to the runs it asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from advgame.config import RunConfig
from advgame.config.game import SeedsConfig
from advgame.config.load import compose
from advgame.config.overrides import flat, merge
from advgame.errors import ConfigError
from advgame.schedule import ever_learns
from advgame.seeds.load import check as check_seeds
from advgame.seeds.templates import BUNDLED, load_templates, template_names
from advgame.store.compatible import FREE
from advgame.study.config import Study, beside, load_study
from advgame.types import Role

START = "start"  # the untrained Defender is measured like any arm's
_MOST_STEPS = 1_000_000  # the budget ends a run, not this
DEFAULTS: Final = dict(flat(RunConfig().model_dump(mode="json")))


def changed(tree: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The dotted keys of a configuration that `known` lacks or has other values for."""
    missing = object()
    return {
        key: value
        for key, value in flat(tree)
        if known.get(key, missing) != value and not key.startswith(FREE)
    }


def _above(key: str, told: Mapping[str, Any]) -> Iterator[bool]:
    """Whether `told` has a value, such as null, where `key` lies in a section."""
    return (key[:at] in told for at, mark in enumerate(key) if mark == ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run: an arm and a run seed; or, without an arm of its own, the untrained players."""

    arm: str
    seed: int
    place: int  # among the arm's run seeds
    config: RunConfig
    overrides: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Names its run folder and its record."""
        return START if self.arm == START else f"{self.arm}-{self.seed}"

    @property
    def hash(self) -> str:
        """What runs of the same numbers have in common; a key that is new leaves it as it was."""
        chosen = changed(self.config.model_dump(mode="json"), DEFAULTS)
        text = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differs(self, config: Mapping[str, Any]) -> list[str]:
        """The keys in which an older run's configuration asks for other numbers than this one."""
        told = dict(flat(config))
        sections = {key[:at] for key in told for at, mark in enumerate(key) if mark == "."}
        known = {
            key: value
            for key, value in DEFAULTS.items()
            if key not in sections and not any(_above(key, told))
        }
        return list(changed(self.config.model_dump(mode="json"), known | told))

    @property
    def trains(self) -> bool:
        """Whether it is a run at all."""
        return self.arm != START

    @property
    def attacker_learns(self) -> bool:
        """Whether it leaves an Attacker of its own."""
        return self.trains and Role.ATTACKER in ever_learns(self.config.schedule)

    @property
    def defender_learns(self) -> bool:
        """Whether it leaves a Defender of its own."""
        return self.trains and Role.DEFENDER in ever_learns(self.config.schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every run of a study, the untrained players first, then seed by seed across the arms.

    That order gives every arm its first run before any arm gets its second, so a study that is
    stopped half-way can still be read.
    """

    study: Study
    trials: tuple[Trial, ...]

    def of(self, arm: str) -> tuple[Trial, ...]:
        """The runs of an arm, in the order of its run seeds."""
        return tuple(trial for trial in self.trials if trial.arm == arm)

    def by_key(self, key: str) -> Trial:
        """The run of that key, which exists."""
        return next(trial for trial in self.trials if trial.key == key)

    def opponents(self, trial: Trial) -> dict[str, Trial]:
        """The runs whose Attackers face this one's Defender, by the name of their arm.

        An Attacker of its own run is left out: it is measured as `own attacker`.
        """
        found = {}
        for arm in self.study.evaluate.attackers:
            runs = self.of(arm)
            opponent = runs[trial.place % len(runs)]
            if opponent.key != trial.key:
                found[arm] = opponent
        return found


def make_plan(path: Path) -> Plan:
    """Read a study file and configure its runs.

    Raises:
        ConfigError: the file, or the configuration of an arm, is wrong; says which.
    """
    study = load_study(path)
    common = {"train": {"budget_tokens": study.budget_tokens, "steps": _MOST_STEPS, "threads": 1}}
    base = merge(common, study.set)
    trials = [
        Trial(
            arm=START,
            seed=0,
            place=0,
            config=_config(path, "", study.base, base, {"name": START}),
            overrides=study.set,
        )
    ]
    budgets = {
        arm.name: {"train": {"budget_tokens": arm.budget_tokens}} if arm.budget_tokens else {}
        for arm in study.arms
    }
    for place in range(max(len(study.seeds_of(arm)) for arm in study.arms)):
        for arm in study.arms:
            seeds = study.seeds_of(arm)
            if place < len(seeds):
                named = {"name": f"{arm.name}-{seeds[place]}", "seed": seeds[place]}
                trials.append(
                    Trial(
                        arm=arm.name,
                        seed=seeds[place],
                        place=place,
                        config=_config(
                            path,
                            f"arm {arm.name}: ",
                            arm.preset or study.base,
                            merge(merge(base, budgets[arm.name]), arm.set),
                            named,
                        ),
                        overrides=merge(study.set, arm.set),
                    )
                )
    if trials[0].config.judges.evaluation is None:
        raise ConfigError(
            f"{path}: judges.evaluation is null, so the judge that trains would measure; name one"
        )
    measured_by = trials[0].config.judges.evaluation
    for trial in trials:
        if trial.config.judges.evaluation != measured_by:
            raise ConfigError(
                f"{path}: arm {trial.arm}: judges.evaluation is not the base's, and two judges "
                "compare nothing; name one for all, under `set` of the study"
            )
    plan = Plan(study=study, trials=tuple(trials))
    for name in study.evaluate.attackers:
        if not plan.of(name)[0].attacker_learns:
            raise ConfigError(
                f"{path}: evaluate.attackers: the Attacker of {name} does not learn, so it is the "
                "untrained one, which attacks all the same; leave it out"
            )
    _check_primary(path, plan)
    return plan


def check_sources(path: Path, plan: Plan) -> None:
    """Check what is read only when a run begins or has ended, perhaps hours later.

    Raises:
        ConfigError: a collection of fixed attacks is unknown.
        SeedError: a seed set is unknown, or a file of one's own cannot be used.
    """
    study = plan.study
    for fixed in study.evaluate.fixed:
        if fixed.collection not in template_names():
            raise ConfigError(
                f"{path}: evaluate.fixed: no collection is named {fixed.collection!r}; there are "
                f"{', '.join(template_names())}"
            )
        if fixed.collection == BUNDLED and fixed.longest is not None:
            shortest = min(sum(map(len, each.pieces)) for each in load_templates(half="test"))
            if shortest > fixed.longest:
                raise ConfigError(
                    f"{path}: evaluate.fixed: no template has at most {fixed.longest} characters; "
                    f"the shortest has {shortest}"
                )
    check_seeds(SeedsConfig(harmful=(), benign=study.evaluate.benign))
    for arm in (START, *(each.name for each in study.arms)):
        check_seeds(plan.of(arm)[0].config.seeds)


def _config(path: Path, whose: str, source: str, *trees: Mapping[str, Any]) -> RunConfig:
    try:
        return compose(beside(path, source), *trees)
    except ConfigError as error:
        raise ConfigError(f"{path}: {whose}{error}") from None


def _check_primary(path: Path, plan: Plan) -> None:
    # Inside, because cells are built on plans.
    from advgame.study.cells import cells_of

    cells = cells_of(plan, plan.of(plan.study.reference)[0])
    known = [cell.name for cell in cells]
    for name in known:
        if known.count(name) > 1:
            raise ConfigError(f"{path}: evaluate: two cells are named {name!r}; rename one")
    for name in plan.study.evaluate.primary:
        if name not in known:
            raise ConfigError(
                f"{path}: evaluate.primary: {name!r} is not measured of {plan.study.reference}; "
                f"there are {', '.join(known)}"
            )
    sets = {cell.set for cell in cells if cell.name in plan.study.evaluate.primary}
    if len(sets) > 1:
        raise ConfigError(
            f"{path}: evaluate.primary: a seed's outcome is its mean over these cells, and they "
            f"ask different sets: {', '.join(sorted(sets))}"
        )
