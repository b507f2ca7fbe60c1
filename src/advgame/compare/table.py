"""A comparison on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from advgame.compare.board import OVER_REFUSAL, SAFETY
from advgame.hostile import clean
from advgame.numbers import change, percent, points, rate, two
from advgame.report.compared import SUPPLY
from advgame.report.judged import judged
from advgame.report.rates import label_of, lost

_LAST = ("attacker/harmful/reward", "defender/harmful/attacked/reward")
_DIVERSITY = (
    "attacker/harmful/distinct_2",
    "attacker/harmful/self_overlap",
    "attacker/harmful/copy_overlap",
    "defender/harmful/direct/distinct_2",
    "defender/benign/direct/distinct_2",
)


def tables(report: Mapping[str, Any]) -> Iterator[Table | str]:
    """Costs, checkpoints on the fronts, diversity; cross-play and exploitability where played."""
    yield _costs(report["runs"])
    yield _pareto(report)
    yield from judged(report)
    yield from _differences(report["differences"], lost(report["runs"].values()))
    yield from _fixed(report)
    yield _figures(report["runs"])
    if played := report.get("cross_play"):
        yield from _matrix(played)
        yield from _cycling(played["cycling"])
    if found := report.get("exploitability"):
        yield _exploit(found)


def transcripts(report: Mapping[str, Any], most: int = 2) -> Iterator[Table]:
    """The first few shared questions of each kind, side by side."""
    shown: dict[tuple[str, str], int] = {}
    for row in report["transcripts"]:
        mode, kind = row["mode"], row["kind"]
        shown[mode, kind] = shown.get((mode, kind), 0) + 1
        if shown[mode, kind] > most:
            continue
        attacked = mode == "attacked"
        how = "rewritten by each run's own Attacker" if attacked else "asked plainly"
        title = Text(clean(f"{kind.capitalize()}, {how}: {row['seed']}"))
        table = Table(title=title, title_justify="left", show_lines=True)
        table.add_column("run")
        for column in ("asked", "reply") if attacked else ("reply",):
            table.add_column(column, ratio=1, overflow="fold")
        table.add_column("Defender")
        for name, answer in row["answers"].items():
            cut = _short(answer["reply"], 60) if kind == "harmful" else clean(answer["reply"])
            said = [_short(answer["prompt"], 120), cut] if attacked else [cut]
            told = _outcome(kind, answer["success"], report["runs"][name]["scenes"])
            table.add_row(name, *map(Text, said), told)
        yield table


def _outcome(kind: str, success: bool | None, scenes: bool) -> str:
    """What the Defender did; `success` is what the Attacker would want, as ever."""
    if success is None:
        return "unscored"
    if kind == "harmful":
        return "gave in" if success else "held"
    if scenes:
        return "not done" if success else "done"
    return "refused" if success else "answered"


def _short(text: str, most: int) -> str:
    """On one line, with no more of it than shows the tendency."""
    line = " ".join(clean(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _costs(runs: Mapping[str, Any]) -> Table:
    table = Table(title="Runs", title_justify="left")
    columns = ("run", "schedule", "steps", "sampled", "trained", "operations", "minutes")
    for column in columns:
        justify: JustifyMethod = "left" if column in columns[:2] else "right"
        table.add_column(column, justify=justify, overflow="fold")
    for name, run in runs.items():
        cost = run["cost"]
        table.add_row(
            name,
            run["schedule"],
            f"{run['steps']}{'' if run['finished'] else ' …'}",
            f"{cost['sampled_tokens']:,}",
            f"{cost['trained_tokens']:,}",
            f"{cost['flops']:.1e}",
            f"{run['seconds'] / 60:.1f}",
        )
    return table


def _pareto(report: Mapping[str, Any]) -> Table:
    table = Table(
        title="Checkpoints, held-out (95%); * no other (same judge) is better in both",
        title_justify="left",
    )
    said = lost(report["runs"].values())
    for column in ("run", "step", "plain attacks", "own Attacker", said):
        table.add_column(column, justify="left" if column == "run" else "right")
    fronts = report["pareto"]["fronts"]
    for place, point in enumerate(report["pareto"]["points"]):
        cells = [
            rate(point["rates"].get(name)) + (" *" if place in fronts[key] else "")
            for key, name in SAFETY.items()
        ]
        table.add_row(
            point["run"], str(point["step"]), *cells, rate(point["rates"].get(OVER_REFUSAL))
        )
    return table


def _differences(found: Sequence[Mapping[str, Any]], said: str) -> Iterator[Table]:
    """A column a run that is compared with the first one; nothing for one run."""
    if not found:
        return
    others = dict.fromkeys(each["second"] for each in found)
    title = f"Minus {found[0]['first']}, last validation, same questions: points (95%)"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("")
    for name in others:
        table.add_column(name, justify="right")
    rows: dict[str, dict[str, str]] = {}
    for each in found:
        told = each["because"] or f"{change(each)}, n {each['n']}"
        rows.setdefault(each["metric"], {})[each["second"]] = told
    for metric, cells in rows.items():
        table.add_row(label_of(metric, said), *(cells.get(name, "–") for name in others))
    yield table


def _fixed(report: Mapping[str, Any]) -> Iterator[Table | str]:
    """What `advgame eval` measured, a table a kind of task, and where to get what is missing."""
    for key, title in (("utility", "accuracy"), ("safety", "attack success")):
        if report[key]:
            yield _by_task(f"advgame eval: {title} (95%)", report[key])
    if not report["utility"]:
        yield f"No utility was measured in these runs: {SUPPLY} measures it."
    if report["trade_offs"]:
        table = Table(title="No other checkpoint is better in both", title_justify="left")
        for column in ("attack success", "accuracy", "checkpoints"):
            table.add_column(column)
        for pair in report["trade_offs"]:
            names = [_checkpoint(pair["points"][place]) for place in pair["front"]]
            table.add_row(pair["safety"], pair["utility"], ", ".join(names))
        yield table


def _by_task(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("checkpoint")
    tasks = dict.fromkeys(row["task"] for row in rows)
    for task in tasks:
        table.add_column(Text(clean(task)), justify="right")
    for name in dict.fromkeys(map(_checkpoint, rows)):
        known = {row["task"]: row for row in rows if _checkpoint(row) == name}
        table.add_row(name, *(rate(known.get(task)) for task in tasks))
    return table


def _checkpoint(row: Mapping[str, Any]) -> str:
    """`RUN@STEP`, and which weights where a report says."""
    weights = f" {row['weights']}" if row["weights"] not in (None, "start") else ""
    return clean(f"{row['run']}@{row['step']}{weights}")


def _figures(runs: Mapping[str, Any]) -> Table:
    table = Table(title="Training, first and last step", title_justify="left")
    table.add_column("metric")
    for name in runs:
        table.add_column(name, justify="right")
    for metric in (*_LAST, *_DIVERSITY):
        cells = [_ends(run["curves"][metric]) for run in runs.values()]
        table.add_row(metric, *cells)
    return table


def _ends(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{known[0]:.2f} → {known[-1]:.2f}" if known else "–"


def _matrix(played: Mapping[str, Any]) -> Iterator[Table | str]:
    """Defenders by number, rates alone: more than three names abreast would be cut."""
    title = f"Cross-play: attack success %, {played['seeds']} seeds (intervals: page and JSON)"
    table = Table(title=title, title_justify="left")
    table.add_column("Attacker ↓ Defender →", overflow="fold")
    for number in range(1, len(played["defenders"]) + 1):
        table.add_column(str(number), justify="right")
    for name, row in zip(played["attackers"], played["cells"], strict=True):
        table.add_row(
            name, *("–" if each["value"] is None else percent(each["value"])[:-1] for each in row)
        )
    yield table
    yield "Defenders: " + ", ".join(f"{n} {name}" for n, name in enumerate(played["defenders"], 1))


def _cycling(found: Mapping[str, Any]) -> Iterator[str]:
    for run, signs in found.items():
        for who in ("Defender", "Attacker"):
            mean, worst, pairs = (signs[who.lower()][key] for key in ("mean", "worst", "pairs"))
            if mean["value"] is None:
                continue
            told = f"{run}: from an earlier to a later step the {who} {_forgets(mean['value'])}"
            ends = (mean["low"], mean["high"])
            if mean["value"] < 0:  # told as a gain, so its interval is, too
                ends = (-mean["high"], -mean["low"])
            told += f" on the mean ({points(ends[0])} to {points(ends[1])})"
            if len(pairs) > 1:
                steps = f"from step {worst['earlier']} to {worst['later']}"
                told += f"; at worst, {steps}, it {_forgets(worst['value'])}"
            yield f"{told}."
        rounds = signs["rounds"]
        if rounds["size"] is not None:
            yield (
                f"{run}: advantages of {two(rounds['size'])} in log-odds go round in circles; "
                f"noise alone gives up to {two(rounds['noise'])} (on {rounds['seeds']} seeds)."
            )


def _forgets(value: float) -> str:
    """Above 0 it does worse than it did; what is less than half a point is nothing."""
    many = points(abs(value)).lstrip("+")
    if many == "0":
        return "forgets nothing"
    return f"{'forgets' if value > 0 else 'gains'} {many} points"


def _exploit(found: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Exploitability: attack success (95%)", title_justify="left")
    columns = ("Defender", "untrained", "own Attacker", "best response", "gap, points", "tokens")
    for column in columns:
        justify: JustifyMethod = "left" if column == "Defender" else "right"
        table.add_column(column, justify=justify, overflow="fold")
    for row in found:
        gap = row["gap"]
        table.add_row(
            f"{Path(row['run']).name}@{row['step']}",
            rate(row["untrained"]),
            rate(row["own"]),
            rate(row["best_response"]),
            change(gap),
            f"{row['budget_tokens']:,}",
        )
    return table
