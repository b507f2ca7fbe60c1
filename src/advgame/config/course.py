"""Rules on the course of a run: which checkpoint is kept, whom a pool lets play."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from advgame.config.root import RunConfig
from advgame.types import Kind

_OPEN_NAMES = ("audit/", "cost/")  # metrics of many names, or that nobody would choose by
_UPDATES = re.compile(r"(attacker|defender|shared)/\w+")  # an objective adds names of its own
_RATE_FIELDS = ("", "_low", "_high", "_n")


def best_kept(config: RunConfig) -> Iterator[str]:
    """Whether the metric that `keep_best` names is measured."""
    best = config.train.save.keep_best
    if best is None:
        return
    if best.startswith("validation/") and not config.train.validation.every:
        yield f"train.save.keep_best = {best}: never measured; set train.validation.every"
    elif not best.startswith(_OPEN_NAMES):
        # Inside, because both are built on this package.
        from advgame.metrics.rollouts import summarise
        from advgame.validation import rate_names

        rates = [f"validation/{name}" for name in rate_names(config.train.validation)]
        names = [*summarise(()), *(f"{rate}{end}" for rate in rates for end in _RATE_FIELDS)]
        if best not in names and not _UPDATES.fullmatch(best):
            near = get_close_matches(best, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"train.save.keep_best = {best}: no such metric{hint} (docs/metrics.md has all)"


def pool_met(config: RunConfig) -> Iterator[str]:
    """Whether some round meets a past self."""
    from advgame.schedule import Past, pooled, turns

    if config.pool is None or not pooled(config):
        return
    attacked = config.seeds.attacked
    found = list(turns(config, config.pool.every))
    met = any(  # counted by ranges: a number mistyped is told, not held in memory
        range(getattr(attacked, kind))[turn.part(getattr(attacked, kind))]
        for turn in found
        if Past in (type(turn.attacker), type(turn.defender))
        for kind in Kind
    )
    if not met:
        yield (
            f"pool.share = {config.pool.share}: that is not one of {attacked.harmful} harmful and "
            f"{attacked.benign} benign attacked seeds; raise it or seeds.attacked, or set pool=null"
        )
