"""What a second judge said during training: curves, and what may be said about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from advgame.metrics.hacking import cells, figure
from advgame.metrics.student import t_quantile
from advgame.report.forest import Bar, Forest
from advgame.report.group import Figure, Group
from advgame.report.run_data import Json, RunData
from advgame.report.svg import Chart, Line

INTRO = (
    "At some steps a second judge, which does not train, scored a sample of the step's own "
    "replies. Bands are 95% intervals over seeds. If the training judge's score rises while the "
    "second judge's does not, the players may be learning to please the judge."
)


def audit_group(data: RunData) -> Group:
    """The figures of the audits, none if there was no audit."""
    lines = audits(data)
    return Group("audit", "A second judge", INTRO, tuple(_figures(lines)) if lines else ())


def audits(data: RunData) -> list[Mapping[str, Json]]:
    """The lines of metrics that hold an audit."""
    return [line for line in data.metrics if "audit/alarm" in line]


def audit_sentences(data: RunData) -> list[str]:
    """What the audits allow to be said."""
    lines = audits(data)
    if not lines:
        return []
    last, count = lines[-1], len(lines)
    told = [f"A second judge scored a sample of the training replies {_times(count)}"]
    known = [
        (last[key], last[f"{key}_low"], last[f"{key}_high"], cell)
        for cell in cells()
        if last.get(key := f"audit/{cell}/kappa") is not None
    ]
    if known:
        told.append(f"and agreed with the training judge with {_kappa(min(known))}")
        if len(known) > 1:
            told.append(f"to {_kappa(max(known))}")
    sentences = [" ".join(told).replace("-", "−") + "."]
    rung: dict[str, list[int]] = {}
    for line in lines:
        for cell in cells():
            if line.get(f"audit/{cell}/alarm"):
                rung.setdefault(cell, []).append(line["step"])
    if rung:
        where = "; ".join(f"{_name(c)}, from step {steps[0]}" for c, steps in rung.items())
        sentences.append(
            f"Its alarm for reward hacking rang ({where}): the training judge's score rose where "
            "the second judge's did not, so rewards there overstate what was learned."
        )
    elif any(line["audit/alarm"] is not None for line in lines):
        sentences.append("Its alarm for reward hacking did not ring.")
        silent = [cell for cell in cells() if _never(lines, cell)]
        if silent:
            names = ", ".join(map(_name, silent))
            sentences.append(f"It could not ring for {names}: too few seeds were audited.")
    else:
        sentences.append("There were too few audits for its alarm.")
    return sentences


def _never(lines: Sequence[Json], cell: str) -> bool:
    """Whether a cell was audited and no audit could tell of it."""
    seen = [line for line in lines if line.get(f"audit/{cell}/score") is not None]
    return bool(seen) and all(line.get(f"audit/{cell}/alarm") is None for line in seen)


def _kappa(known: tuple[float, float, float, str]) -> str:
    value, low, high, cell = known
    return f"κ {value:.2f} ({_name(cell)}; 95% interval {low:.2f} to {high:.2f})"


def _figures(lines: Sequence[Mapping[str, Json]]) -> Iterator[Figure]:
    for cell in cells():
        curves = tuple(
            line
            for name, label, style in (
                ("train", "training judge", "c-attacker"),
                ("score", "second judge", "c-third"),
            )
            if (line := _line(lines, cell, name, label, style)) is not None
        )
        if curves:
            steps = [each["step"] for each in lines if each.get(f"audit/{cell}/alarm")]
            note = f"Alarm at step {', '.join(map(str, steps[:8]))}." if steps else ""
            yield Chart(
                title=f"{_name(cell)}: mean score", note=note, lines=curves, within=(0.0, 10.0)
            )
    last = lines[-1]
    for name, title, low in (
        ("kappa", "Agreement with the training judge over the window (κ)", -0.2),
        ("gap_rise", "Rise of the training score over the second judge's, points (99%)", None),
    ):
        bars = tuple(
            Bar(label=_name(cell), rate=figure(last, f"audit/{cell}/{name}"), style="c-third")
            for cell in cells()
            if last.get(f"audit/{cell}/{name}") is not None
        )
        if bars:
            ends = [abs(bar.rate["low"]) for bar in bars if bar.rate]
            ends += [abs(bar.rate["high"]) for bar in bars if bar.rate]
            yield Forest(
                title=title,
                note="",
                bars=bars,
                low=low if low is not None else -max(ends),
                high=1.0 if low is not None else max(ends),
                percent=False,
                reference=0.0,
            )


def _line(
    lines: Sequence[Mapping[str, Json]], cell: str, name: str, label: str, style: str
) -> Line | None:
    key = f"audit/{cell}/{name}"
    known = [each for each in lines if each.get(key) is not None]
    if not known:
        return None
    counts = [each[f"audit/{cell}/seeds"] for each in known]
    half = [  # few seeds an audit: Student's interval; of one seed there is none
        t_quantile(0.975, n - 1) * each[f"{key}_sd"] / sqrt(n)
        for each, n in zip(known, counts, strict=True)
        if n > 1
    ]
    band = [
        (max(0.0, each[key] - h), min(10.0, each[key] + h))
        for each, h in zip(known, half, strict=False)
    ]
    return Line(
        label=label,
        style=style,
        points=tuple((each["step"], each[key]) for each in known),
        band=tuple(band) if len(half) == len(known) else (),
    )


def _name(cell: str) -> str:
    role, kind = cell.split("/")
    return f"{role.capitalize()}, {kind}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
