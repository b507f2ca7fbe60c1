"""What a campaign may spend: requests, tokens, money and time, counted across interruptions.

A request is let through only if what it may cost still fits: its own estimate and that of every
request under way are set aside first. A prompt is estimated by its length; of tokens and money the
first request of a session goes alone, and what the target counted beyond the estimate (it may add
texts of its own) is added from then on (`gate`). So no budget is overrun, but by that first
request, by a target that writes more than it was asked to, or by those under way when one begins to
count far more beyond the estimate than before. A request that fits only without what is set aside
waits until that is known.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

from advgame.errors import ConfigError
from advgame.redteam.values import Usage

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}


class BudgetSpent(Exception):  # noqa: N818  # not an error: the campaign ends as agreed
    """What is asked for does not fit the budget any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Money for a million tokens, in whatever currency the user thinks in."""

    prompt: float
    reply: float

    def of(self, usage: Usage) -> float:
        """The price of some tokens."""
        return (self.prompt * usage.prompt_tokens + self.reply * usage.reply_tokens) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that may be spent; None = no bound."""

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None
    seconds: float | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent: every try counts as a request, whatever came of it."""

    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0


class Meter:
    """Counts what is spent and says no."""

    def __init__(self, budget: Budget, before: Spent) -> None:
        """Go on from what earlier sessions spent `before`."""
        self._budget = budget
        self._spent = before
        self._set_aside: dict[int, Usage] = {}
        self._tickets = 0
        self._begun = time.monotonic()
        self._settled = asyncio.Event()
        self.reached: str | None = None
        """The bound that was met first."""

    @property
    def spent(self) -> Spent:
        """What all sessions have spent so far."""
        passed = self._spent.seconds + time.monotonic() - self._begun
        return replace(self._spent, seconds=passed)

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens, or money for them, are bounded."""
        return self._budget.tokens is not None or self._budget.money is not None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the time is up; None = no bound."""
        if self._budget.seconds is None:
            return None
        return max(0.0, self._budget.seconds - self.spent.seconds)

    def over(self) -> bool:
        """Whether nothing more may be spent, whatever it is."""
        if self.seconds_left == 0.0:
            self.reached = self.reached or "time"
        return self.reached is not None

    async def room(self, at_most: Usage) -> None:
        """Wait while `at_most` fits but for what requests under way may cost."""
        while self._waits(at_most):
            self._settled.clear()
            await self._settled.wait()

    def take(self, at_most: Usage) -> int | None:
        """Count one request that costs `at_most`, and return its ticket for `settle`.

        None where there is no `room` for it yet.

        Raises:
            BudgetSpent: it does not fit.
        """
        if self._waits(at_most):
            return None
        self.reached = self.reached or self._reached(at_most)
        if self.reached:
            raise BudgetSpent(self.reached)
        self._spent = replace(self._spent, requests=self._spent.requests + 1)
        self._tickets += 1
        self._set_aside[self._tickets] = at_most
        return self._tickets

    def settle(self, ticket: int, usage: Usage) -> None:
        """Replace what was set aside for a request by what it cost."""
        self._set_aside.pop(ticket)
        self._spent = replace(self._spent, usage=self._spent.usage + usage)
        self._settled.set()

    def time_is_up(self) -> BudgetSpent:
        """Take note that a request was cut short because there is no time left."""
        self.reached = self.reached or "time"
        return BudgetSpent("time")

    def _waits(self, at_most: Usage) -> bool:
        fits_alone = self._reached(at_most, alone=True) is None
        return self.reached is None and fits_alone and self._reached(at_most) is not None

    def _reached(self, at_most: Usage, *, alone: bool = False) -> str | None:
        """The bound that one more request would break, those under way apart if `alone`."""
        bound, spent = self._budget, self.spent
        aside = () if alone else self._set_aside.values()
        usage = sum(aside, spent.usage + at_most)
        if bound.requests is not None and spent.requests >= bound.requests:
            return "requests"
        if bound.tokens is not None and usage.total > bound.tokens:
            return "tokens"
        if bound.money is not None and bound.price and bound.price.of(usage) > bound.money:
            return "money"
        if bound.seconds is not None and spent.seconds >= bound.seconds:
            return "time"
        return None


def parse_budget(parts: Sequence[str], price: str | None) -> Budget:
    """Read `requests=500`, `tokens=2e6`, `money=1.50`, `time=30m`, alone or joined by commas.

    Args:
        parts: what the user wrote, later ones override.
        price: `PROMPT/REPLY`, money for a million tokens.

    Raises:
        ConfigError: a bound that is none, or money without a price.
    """
    found: dict[str, float] = {}
    for part in (each for text in parts for each in text.split(",")):
        name, _, value = part.strip().partition("=")
        if name not in ("requests", "tokens", "money", "time"):
            raise ConfigError(f"--budget {part!r}: name requests, tokens, money or time, as in "
                              "requests=500,time=30m")  # fmt: skip
        found[name] = _amount(name, value)
    paid = _price(price)
    if "money" in found and paid is None:
        raise ConfigError("--budget money: say what tokens cost with --price PROMPT/REPLY, "
                          "in money for a million tokens")  # fmt: skip
    requests, tokens = found.get("requests"), found.get("tokens")
    return Budget(
        requests=None if requests is None else int(requests),
        tokens=None if tokens is None else int(tokens),
        money=found.get("money"),
        seconds=found.get("time"),
        price=paid,
    )


def _amount(name: str, value: str) -> float:
    units = _UNITS if name == "time" else {"": 1.0}
    match = re.fullmatch(r"([0-9]*\.?[0-9]+(?:e[0-9]+)?)([a-z]*)", value.strip().lower())
    least = 1.0 if name in ("requests", "tokens") else 1e-9  # these are whole
    if match is None or match[2] not in units or not least <= float(match[1]) < inf:
        example = "90s, 30m or 2h" if name == "time" else "500"
        range_ = "of at least 1" if least == 1.0 else "above 0"
        raise ConfigError(f"--budget {name}={value}: write a number {range_}, such as {example}")
    return float(match[1]) * units[match[2]]


def _price(text: str | None) -> Price | None:
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)/([0-9]*\.?[0-9]+)", text.strip())
    if match is None:
        raise ConfigError(f"--price {text}: write PROMPT/REPLY, as in 0.15/0.60")
    return Price(prompt=float(match[1]), reply=float(match[2]))
