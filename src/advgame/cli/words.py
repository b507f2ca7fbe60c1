"""Numbers as the terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.numbers import percent

BLOCKS = "▁▂▃▄▅▆▇█"

# Rows of the step table: label, prefix in the metrics.
ROWS = (
    ("Attacker  harmful", "attacker/harmful"),
    ("          benign", "attacker/benign"),
    ("Defender  harmful, attacked", "defender/harmful/attacked"),
    ("          harmful, direct", "defender/harmful/direct"),
    ("          benign, attacked", "defender/benign/attacked"),
    ("          benign, direct", "defender/benign/direct"),
)


def number(value: float | None) -> str:
    """One decimal, or a dash."""
    return "–" if value is None else f"{value:.1f}"


def share(value: float | None) -> str:
    """A whole percentage, or a dash."""
    return "–" if value is None else percent(value)


def duration(seconds: float) -> str:
    """`0:42`, `12:05`, `2:03:10`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def trend(values: Sequence[float | None], width: int = 16) -> str:
    """The last `width` known values as a line of blocks, from their least to their greatest."""
    known = [value for value in values if value is not None][-width:]
    if len(known) < 2:
        return ""
    low, span = min(known), max(known) - min(known)
    return "".join(BLOCKS[round((v - low) / span * 7) if span else 3] for v in known)
