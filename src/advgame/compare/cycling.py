"""Signs of cycling in a matrix of Attackers against Defenders of one run. Pure.

    M[a][d]     how often Attacker a succeeds against Defender d; both in the order of their steps

*Forgetting*: a Defender t that loses to an earlier Attacker s more often than Defender s did has
forgotten something. Likewise an Attacker t that does worse against Defender s than Attacker s did.

*Going round*: the two players of a step are a team; A[i][j] = logit M[i][j] − logit M[j][i] says
by how much team i attacks team j better than it is attacked. If an attack succeeded by the
difference of two strengths, as games are rated (Bradley and Terry 1952), A[i][j] would be one, too:
in log-odds, where no rate is cut off at 0 or 1. What no strengths explain goes round in circles, as
in rock, paper, scissors (Jiang et al. 2011, "Statistical ranking and combinatorial Hodge theory").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from advgame.metrics.intervals import paired_bootstrap, paired_difference

Outcomes: TypeAlias = Sequence[Sequence[Sequence[bool | None]]]  # [attacker][defender][seed]
Floats: TypeAlias = NDArray[np.float64]


def cycling(steps: Sequence[int], outcomes: Outcomes, *, resamples: int = 1000) -> dict[str, Any]:
    """Measure forgetting and going round.

    Args:
        steps: what the rows and columns are: the same checkpoints, oldest first.
        outcomes: success of each Attacker against each Defender on the same seeds; None unscored.
        resamples: bootstrap samples of seeds.

    Returns:
        `defender` and `attacker`: `mean` (over all pairs of an earlier and a later step, with an
        interval by seeds), `worst` (the largest of the pairs, so larger than it is by chance: its
        interval is that of a pair named beforehand) and `pairs` (`earlier`, `later`, and the
        paired difference; above 0 means forgetting). `rounds`: `size`, the root mean square of
        the advantages (log-odds) that no strengths explain; `noise`, below which 95 in 100 such
        sizes stay where nothing goes round and seeds are drawn anew; `share` of the squared
        advantages that
        `size` makes up; `seeds`, the fewest that an advantage rests on; and the `triples` of teams
        that beat each other in a circle.

    Raises:
        ValueError: the matrix is not square in `steps`.
    """
    count = len(steps)
    if len(outcomes) != count or any(len(row) != count for row in outcomes):
        raise ValueError(f"expected {count} Attackers against {count} Defenders")
    return {
        "defender": _forgetting(steps, outcomes, of_defender=True),
        "attacker": _forgetting(steps, outcomes, of_defender=False),
        "rounds": _rounds(steps, outcomes, resamples),
    }


def _forgetting(steps: Sequence[int], outcomes: Outcomes, *, of_defender: bool) -> dict[str, Any]:
    pairs: list[dict[str, Any]] = []
    before: list[bool | None] = []
    after: list[bool | None] = []
    clusters: list[int] = []
    for early, late in combinations(range(len(steps)), 2):
        then = outcomes[early][early]
        now = outcomes[early][late] if of_defender else outcomes[late][early]
        if not of_defender:  # an Attacker forgets by winning less
            then, now = now, then
        pairs.append(
            {"earlier": steps[early], "later": steps[late], **paired_difference(then, now)}
        )
        before += list(then)
        after += list(now)
        clusters += range(len(then))
    known = [pair for pair in pairs if pair["value"] is not None]
    return {
        "mean": paired_bootstrap(before, after, clusters, within=(0.0, 1.0)),
        "worst": max(known, key=lambda pair: pair["value"], default=None),
        "pairs": pairs,
    }


def _rounds(steps: Sequence[int], outcomes: Outcomes, resamples: int) -> dict[str, Any]:
    values = np.array(
        [
            [[np.nan if each is None else float(each) for each in cell] for cell in row]
            for row in outcomes
        ]
    )  # [attacker, defender, seed]
    # A seed that one side of an advantage lacks would shift it: left out of that advantage.
    shared = values + 0 * values.transpose(1, 0, 2)
    size = shared.shape[2]
    fewest = int((~np.isnan(shared)).sum(axis=2).min(initial=size))
    if len(steps) < 3 or fewest == 0:
        return {"size": None, "noise": None, "share": None, "seeds": fewest, "triples": []}
    advantage = _advantages(shared)
    rest = _unexplained(advantage)
    noises = [
        _size(_unexplained(_advantages(shared[:, :, draw]) - advantage))
        for draw in np.random.default_rng(0).integers(0, size, (resamples, size))
    ]
    whole = _size(advantage)
    return {
        "size": _size(rest),
        "noise": float(np.quantile(noises, 0.95)),
        "share": (_size(rest) / whole) ** 2 if whole else 0.0,
        "seeds": fewest,
        "triples": _triples(steps, advantage),
    }


def _advantages(shared: Floats) -> Floats:
    """A, with half a success and half a failure added to each cell (Haldane and Anscombe)."""
    won, known = np.nansum(shared, axis=2), (~np.isnan(shared)).sum(axis=2)
    logit = np.log((won + 0.5) / (known - won + 0.5))
    return np.asarray(logit - logit.T)


def _unexplained(advantage: Floats) -> Floats:
    """What differences of strengths leave over; the best strength of a team is its mean."""
    strength = advantage.mean(axis=1)
    return np.asarray(advantage - strength[:, None] + strength[None, :])


def _size(advantage: Floats) -> float:
    """Root mean square over the pairs of different teams."""
    count = len(advantage)
    return float(np.sqrt((advantage**2).sum() / (count * (count - 1))))


def _triples(steps: Sequence[int], advantage: Floats) -> list[dict[str, Any]]:
    """Circles of three teams, the clearest first; `least` is the smallest of its advantages."""
    found = []
    for i, j, k in combinations(range(len(steps)), 3):
        round_ = (advantage[i, j], advantage[j, k], advantage[k, i])
        if min(round_) > 0 or max(round_) < 0:
            least = float(min(abs(each) for each in round_))
            order = (i, j, k) if min(round_) > 0 else (i, k, j)
            found.append({"beats": [steps[place] for place in order], "least": least})
    return sorted(found, key=lambda each: -each["least"])
