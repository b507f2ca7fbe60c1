"""Student's t against SciPy's."""

from __future__ import annotations

import pytest
from scipy import stats

from advgame.metrics.student import t_quantile, t_within


@pytest.mark.parametrize("df", [1, 1.3, 2, 3, 4.5, 9, 30, 250.75, 99_000, 1e6])
@pytest.mark.parametrize("p", [0.025, 0.5, 0.8, 0.975, 0.9995])
def test_quantiles_are_scipys(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("df", [1, 2, 4, 17.5])
@pytest.mark.parametrize("t", [0.0, 0.4, 3.0, 80.0])
def test_the_distribution_is_scipys(t: float, df: float) -> None:
    assert t_within(t, df) == pytest.approx(1 - 2 * stats.t.sf(t, df), abs=1e-9)


@pytest.mark.parametrize(("p", "df"), [(0.0, 3), (1.0, 3), (0.5, 0.9)])
def test_what_has_no_quantile_is_refused(p: float, df: float) -> None:
    with pytest.raises(ValueError, match="need 0 < p < 1 and df >= 1"):
        t_quantile(p, df)
