"""What a study file says."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from advgame.config.base import Config
from advgame.config.sources import locate, read
from advgame.errors import ConfigError

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class Arm(Config):
    """One scheme: a preset or file, keys over it, and the run seeds it is run with."""

    name: str = Field(pattern=_NAME)
    """Lower-case words joined by dashes; names the arm's runs."""
    about: str = ""
    """One line for tables."""
    preset: str | None = None
    """A preset or a file beside the study, instead of the study's base; null = the base."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys over the preset, as in a configuration file."""
    seeds: tuple[int, ...] | None = None
    """Run seeds; null = the study's."""
    against: str | None = None
    """The arm it is compared with; null = the study's reference. It changes no run."""
    budget_tokens: int | None = Field(None, ge=1)
    """Sampled plus trained tokens of each run; null = the study's. With another budget it says what
    more of them buys, and is no scheme at equal compute."""


class FixedAttack(Config):
    """A collection of fixed wrappers, of whose test half each seed gets one."""

    name: str
    """What the attack is called in the results."""
    collection: str
    """templates, pyrit-jailbreaks or in-the-wild-jailbreaks."""
    longest: int | None = Field(None, ge=1)
    """Characters of the longest wrapper to use; null = all."""


class Evaluate(Config):
    """How every Defender is measured, on test seeds, by the runs' evaluation judge."""

    seeds: int = Field(200, ge=1)
    """Test seeds of each set, at most."""
    draw: int = Field(0, ge=0)
    """Which so many: 0 the first, 1 the next, … Draws share no question while a set has enough for
    one more; of a set with fewer than twice `seeds` each draw is another shuffle of all."""
    benign: tuple[str, ...] = ("benign-edgy", "benign-everyday")
    """Sets of harmless requests, asked plainly: over-refusal."""
    fixed: tuple[FixedAttack, ...] = (FixedAttack(name="templates", collection="templates"),)
    """Fixed attacks on the harmful seeds."""
    primary: tuple[str, ...] = ()
    """Cells whose mean is the study's one main measure, named before anything is run; a seed's
    outcome is its mean over them."""
    attackers: tuple[str, ...] = ()
    """Arms whose trained Attackers attack every Defender of the study. The Attacker has the
    Defender's place in the list of run seeds, counted round."""


class Study(Config):
    """A grid of runs at equal compute, and what is compared."""

    name: str = Field(pattern=_NAME)
    """Names the default folder."""
    base: str
    """A preset, or a file beside the study, that every arm starts from unless it names another."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys over every arm's preset; an arm's own keys win."""
    budget_tokens: int = Field(ge=1)
    """Sampled plus trained tokens of each run, of all arms that name none."""
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    """Run seeds."""
    reference: str
    """The arm that the others are compared with unless they name another."""
    arms: tuple[Arm, ...] = Field(min_length=1)
    """The schemes."""
    evaluate: Evaluate = Evaluate()
    """What is measured afterwards."""

    @model_validator(mode="after")
    def _names_fit(self) -> Study:
        names = [arm.name for arm in self.arms]
        for name in names:
            if names.count(name) > 1 or name == "start":
                raise ValueError(f"arms: {name!r} is taken; name each arm differently")
        for key, wanted in (
            ("reference", (self.reference,)),
            ("evaluate.attackers", self.evaluate.attackers),
            *(
                (f"arms: against of {a.name}", (a.against,))
                for a in self.arms
                if a.against is not None
            ),
        ):
            for name in wanted:
                if name not in names:
                    raise ValueError(f"{key}: no arm is named {name!r}; there are {names}")
        pairs = [sorted(pair) for pair in self.compared.items()]
        for one, other in pairs:
            if one == other:
                raise ValueError(f"arms: {one} is to be compared with itself; name another")
            if pairs.count([one, other]) > 1:
                raise ValueError(f"arms: {one} and {other} are to be compared twice")
        for whose, tree in (("set", self.set), *((f"arms: {a.name}", a.set) for a in self.arms)):
            train = tree.get("train")
            for key in ("budget_tokens", "steps"):
                if isinstance(train, dict) and key in train:
                    raise ValueError(f"{whose}: train.{key} is the study's: set budget_tokens")
        for arm in self.arms:
            seeds = self.seeds_of(arm)
            if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
                raise ValueError(f"arms: {arm.name} needs distinct run seeds from 0 up")
        return self

    def arm(self, name: str) -> Arm:
        """The arm of that name, which exists."""
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def compared(self) -> dict[str, str]:
        """ARM → the arm it is compared with: the reference, which has none itself, or its own."""
        return {
            arm.name: self.reference if arm.against is None else arm.against
            for arm in self.arms
            if arm.against is not None or arm.name != self.reference
        }

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """The run seeds of an arm."""
        return self.seeds if arm.seeds is None else arm.seeds


def load_study(path: Path) -> Study:
    """Read a study file; it may extend another beside it.

    Raises:
        ConfigError: it cannot be read, or a key is wrong; says which.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such study file")
    tree = read(path)
    try:
        return Study.model_validate_json(json.dumps(tree), strict=True)
    except TypeError as error:  # a YAML tag: bytes, a date, a set
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {_problem(error)}") from None


def _problem(error: ValidationError) -> str:
    """The first problem; a key misspelt goes before the one that is then missing."""
    problems = error.errors(include_url=False)
    first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    where = ".".join(map(str, first["loc"])) or "study"
    if first["type"] == "extra_forbidden":
        models = (Study, Arm, Evaluate, FixedAttack)
        known = [name for model in models for name in model.model_fields]
        near = get_close_matches(str(first["loc"][-1]), known, n=1)
        return f"unknown key {where}" + (f"; did you mean {near[0]}?" if near else "")
    told = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where}: {told}"


def beside(path: Path, source: str) -> Path:
    """The file of a preset, or of that name beside the study `path`.

    Raises:
        ConfigError: there is neither.
    """
    neighbour = path.parent / source
    return neighbour if neighbour.is_file() else locate(source)
