"""What a campaign would send, to whom: nothing is loaded and nobody contacted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advgame.redteam.budget import Budget
from advgame.redteam.consent import require_consent
from advgame.redteam.plan import Arm, Settings, trials
from advgame.redteam.targets.base import USER_AGENT
from advgame.redteam.targets.parse import Named
from advgame.types import Seed


def describe(
    target: Named,
    settings: Settings,
    budget: Budget,
    arms: Sequence[Arm],
    seeds: Sequence[Seed],
    *,
    authorized: bool,
    retries: int,
) -> Iterator[str]:
    """Lines for people.

    Raises:
        ConfigError: the target needs consent that is not given.
    """
    banner = require_consent(target, authorized=authorized)
    yield f"target      {target.name}"
    yield f"            {target.where}{'' if target.local else '  (not on this machine)'}"
    if not target.local and target.marked:
        yield f"sent as     User-Agent: {USER_AGENT}"
    wanted = f"{settings.limit} " if settings.limit else ""
    yield f"seeds       {len(seeds)} {settings.kind} ({wanted}of {settings.seeds}, {settings.part})"
    every = list(trials(arms, seeds, settings.attempts))
    for arm in arms:
        own = [trial for trial in every if trial.arm == arm.name]
        by = f", by {arm.attacker}" if arm.attacker else ""
        asked = sum(trial.turns for trial in own)
        yield f"strategy    {arm.name}{by}: {len(own)} attempts, {asked} requests at most"
    total = sum(trial.turns for trial in every)
    yield f"requests    {total} at most, each up to {settings.max_tokens} tokens of reply"
    yield f"            and {retries} further tries where one fails"
    yield f"budget      {_budget(budget)}"
    if not all(seed.scene for seed in seeds):
        judges = filter(None, (settings.judge, settings.second_judge))
        yield f"judged by   {' and '.join(judges)}, which see every reply"
    if any(seed.scene for seed in seeds):
        yield "judged by   facts: what a reply does with the text in its document"
    yield "nothing was sent"
    if banner:
        yield banner


def _budget(budget: Budget) -> str:
    parts = [
        f"{value:g} {name}"
        for name, value in (
            ("requests", budget.requests),
            ("tokens", budget.tokens),
            ("money", budget.money),
            ("seconds", budget.seconds),
        )
        if value is not None
    ]
    return ", ".join(parts) or "none: the requests above are all that bounds it"
