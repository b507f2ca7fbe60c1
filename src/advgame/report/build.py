"""`report.html`: everything worth knowing about a run, on one page."""

from __future__ import annotations

import shlex
from pathlib import Path

from advgame import __version__
from advgame.hostile import clean
from advgame.report.figures import figure_groups
from advgame.report.fixed_tasks import task_group
from advgame.report.measured import measured_group
from advgame.report.page import render
from advgame.report.pick import at
from advgame.report.rates import rate_changes
from advgame.report.rollouts import sample_trees
from advgame.report.run_data import Json, RunData, read_run
from advgame.report.scale import operations
from advgame.report.story import story
from advgame.report.svg import short
from advgame.report.transcripts import side_by_side
from advgame.store.atomic import write_text
from advgame.store.damage import reading
from advgame.store.reader import open_readonly
from advgame.store.taught import fork_options

# Together with some 600 kB of curves and 50 kB of scripts the page stays below 5,000,000 bytes.
ROLLOUT_BUDGET = 2_000_000
TRANSCRIPT_BUDGET = 1_000_000

_PLAYERS = {
    "joint": "Attacker against Defender, trained jointly",
    "sequential": "Attacker against Defender, trained in turns",
    "selfplay": "One model as Attacker and Defender, trained by self-play",
    "static": "Defender trained against a fixed set of attacks",
    "attacker-only": "Attacker trained against a frozen Defender",
    "defender-only": "Defender trained against a frozen Attacker",
}


def build_report(run: Path) -> Path:
    """Write `run/report.html` anew and return its path.

    The page needs no network and no other file, holds at most 5,000,000 bytes, and shows whatever
    the run has left so far.

    Raises:
        StoreError: `run` is not a run folder, a file in it is damaged, or it cannot be written.
    """
    with reading(run):
        return _build(run)


def _build(run: Path) -> Path:
    data = read_run(run)
    changes = rate_changes(data)
    page = render(
        "report.html",
        data=data,
        version=__version__,
        story=story(data, changes),
        players=_PLAYERS.get(at(data.config, "schedule", "type"), "Attacker against Defender"),
        changes=changes,
        facts=_facts(data),
        groups=[
            each
            for each in (measured_group(run), task_group(run), *figure_groups(data))
            if each.charts or each.flat
        ],
        transcripts=side_by_side(data, budget=TRANSCRIPT_BUDGET),
        rollouts=sample_trees(open_readonly(run), budget=ROLLOUT_BUDGET),
        commands=_commands(run),
    )
    target = run / "report.html"
    write_text(target, page)
    return target


def _facts(data: RunData) -> list[tuple[str, str]]:
    """Return what was run, in a few words: (name, value)."""
    config = data.config
    cost = data.summary.get("cost") or {}
    flops, seconds = cost.get("flops"), data.summary.get("seconds")
    facts = [
        ("Steps", f"{data.summary.get('steps', len(data.metrics)):,}"),
        ("Schedule", at(config, "schedule", "type")),
        ("Attacker", at(config, "attacker", "model")),
        ("Defender", at(config, "defender", "model")),
        ("Objective", _objectives(config)),
        ("Trained by", _judge(at(config, "judges", "defender"))),
        ("Evaluated by", _judge(at(config, "judges", "evaluation"))),
        ("Tokens sampled", short(cost["sampled_tokens"]) if cost.get("sampled_tokens") else None),
        (
            "Tokens trained on",
            short(cost["trained_tokens"]) if cost.get("trained_tokens") else None,
        ),
        ("Operations", operations(short(flops)) if flops else None),
        ("Time", duration(seconds) if seconds else None),
    ]
    return [(name, str(value)) for name, value in facts if value]


def duration(seconds: float) -> str:
    """Return a time in the two largest units that fit.

    >>> duration(4000)
    '1 h 6 min'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _objectives(config: Json) -> str:
    names = {
        f"{(at(config, player, 'learn', 'objective', 'type') or '?').upper()}"
        f"{'-MD' if at(config, player, 'learn', 'sample_from') == 'ema' else ''}"
        for player in ("attacker", "defender")
    }
    return " / ".join(sorted(names))


def _judge(judge: Json) -> str:
    if not isinstance(judge, dict):
        return ""
    name = judge.get("model") or judge.get("path") or judge.get("name") or ""
    return f"{judge.get('type', '')} judge {name}".strip()


def _commands(run: Path) -> list[tuple[str, str]]:
    """Return (what for, command) to repeat, continue and look into the run."""
    folder = clean(str(run))
    config = shlex.quote(f"{folder}/config.yaml")
    again = shlex.join([f"{folder}-again", *map(clean, fork_options(run))])
    quoted = shlex.quote(folder)
    return [
        ("Run it again from the same configuration", f"advgame train {config} --out {again}"),
        ("Continue it where it stopped", f"advgame train {config} --out {quoted} --resume"),
        ("Browse every rollout", f"advgame view {quoted}"),
        ("Write this page anew", f"advgame report {quoted}"),
        (
            "Use the trained Defender elsewhere",
            f"advgame export {quoted} defender-model --role defender",
        ),
    ]
