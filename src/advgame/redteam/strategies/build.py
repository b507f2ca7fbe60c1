"""From `best-of-k+refine` to strategies: a source, then modifiers from the inside out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from advgame.errors import ConfigError
from advgame.paths import expanded
from advgame.redteam.attacker import Attacker
from advgame.redteam.strategies.base import Strategy
from advgame.redteam.strategies.best_of_k import BestOfK
from advgame.redteam.strategies.multi_turn import TURNS, MultiTurn
from advgame.redteam.strategies.plain import Plain
from advgame.redteam.strategies.refine import Refine
from advgame.redteam.strategies.templates import Templates
from advgame.redteam.strategies.transfer import Transfer
from advgame.seeds.templates import template_names

SOURCES = ("plain", "best-of-k", "transfer", *template_names())
MODIFIERS = ("refine", "multi-turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A strategy by name, before anything is loaded.

    `source` and `modifiers` are (name, argument). `attacker` says that it needs one.
    """

    text: str
    source: tuple[str, str]
    modifiers: tuple[tuple[str, str], ...]

    @property
    def attacker(self) -> bool:
        """Whether it needs an Attacker."""
        return self.source[0] == "best-of-k" or any(name == "refine" for name, _ in self.modifiers)

    @property
    def turns(self) -> int:
        """Requests of one attempt."""
        found = [_turns(argument) for name, argument in self.modifiers if name == "multi-turn"]
        return found[-1] if found else 1

    @property
    def needs_past(self) -> bool:
        """Whether an attempt waits for the ones before it."""
        return any(name == "refine" for name, _ in self.modifiers)


def parse_strategy(text: str, *, attacker: bool) -> Recipe:
    """Read `SOURCE[:ARGUMENT]` and modifiers, joined by `+`.

    A modifier alone stands on best-of-k if there is an `attacker`, else on plain seeds.

    Raises:
        ConfigError: an unknown name, a missing or senseless argument, or an Attacker is missing.
    """
    parts = [_part(each) for each in text.split("+")]
    if parts[0][0] in MODIFIERS:
        parts = [("best-of-k" if attacker else "plain", ""), *parts]
    source, *modifiers = parts
    if source[0] not in SOURCES:
        raise _unknown(text, source[0], (*SOURCES, *MODIFIERS))
    for name, _ in modifiers:
        if name not in MODIFIERS:
            raise _unknown(text, name, MODIFIERS)
    recipe = Recipe(text=text, source=source, modifiers=tuple(modifiers))
    _check_arguments(recipe)
    if recipe.attacker and not attacker:
        raise ConfigError(f"--strategy {text} needs an Attacker: name one with --attacker")
    return recipe


def build_strategy(recipe: Recipe, attacker: Attacker | None, attempts: int) -> Strategy:
    """Make the strategy, for `attempts` attempts a seed.

    Raises:
        AdvGameError: templates or findings cannot be had.
    """
    name, argument = recipe.source
    made: Strategy
    if name == "plain":
        made = Plain()
    elif name == "best-of-k":
        assert attacker is not None  # `parse_strategy` refuses that
        made = BestOfK(attacker, attempts, _ladder(argument))
    elif name == "transfer":
        made = Transfer.read(expanded(argument))
    else:
        made = Templates.named(name, _count(name, argument))
    for modifier, _ in recipe.modifiers:
        if modifier == "refine":
            assert attacker is not None
            made = Refine(made, attacker)
        else:
            made = MultiTurn(made)
    return made


def _part(text: str) -> tuple[str, str]:
    name, _, argument = text.strip().partition(":")
    return name, argument


def _unknown(text: str, name: str, names: tuple[str, ...]) -> ConfigError:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    return ConfigError(f"--strategy {text}: no {name!r} there; {hint}")


def _check_arguments(recipe: Recipe) -> None:
    for name, argument in (recipe.source, *recipe.modifiers):
        if name == "transfer" and not argument:
            raise ConfigError("--strategy transfer: name the findings, as in transfer:runs/old")
        if name == "transfer" and not expanded(argument).exists():
            raise ConfigError(f"--strategy transfer:{argument}: there are no findings")
        if name == "multi-turn":
            _turns(argument)
        elif name == "best-of-k":
            _ladder(argument)
        elif name in template_names():
            _count(name, argument)
        elif argument and name != "transfer":
            raise ConfigError(f"--strategy {recipe.text}: {name} takes no argument")


def _turns(argument: str) -> int:
    if not argument:
        return TURNS
    if not argument.isdecimal() or int(argument) < 2:
        raise ConfigError(f"--strategy multi-turn:{argument}: write the turns, 2 or more")
    return int(argument)


def _count(name: str, argument: str) -> int | None:
    if argument and (not argument.isdecimal() or int(argument) < 1):
        raise ConfigError(f"--strategy {name}:{argument}: write how many templates, 1 or more")
    return int(argument) if argument else None


def _ladder(argument: str) -> tuple[float, ...]:
    try:
        found = tuple(float(each) for each in argument.split(",") if argument)
    except ValueError:
        found = (-1.0,)
    if any(not 0 < each <= 5 for each in found):
        raise ConfigError(f"--strategy best-of-k:{argument}: write temperatures, as in 0.7,1,1.3")
    return found
