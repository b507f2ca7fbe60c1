"""The harness: `python -m benchmarks [--quick] [--only ROW ...] [--out FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from advgame.errors import AdvGameError, StoreError
from advgame.memory import lean

ROWS = {  # name → module, in the order of the table
    "update": "update",
    "recorded": "recorded",
    "rollouts": "rollouts",
    "step": "whole_step",
    "flops": "flops",
    "decode": "decode",
    "memory": "memory",
    "growth": "growth",
    "driver": "driver",
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a part of a step, fewer repeats")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--out", type=Path, help="the JSON; rows already in it are kept")
    parser.add_argument("--preset", default="laptop", help="tiny tries the harness, in seconds")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--repeats", type=positive, help="default 5, with --quick 2")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before torch is imported
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore")
    lean()  # as the command line has it; both arms gain
    try:
        _run(args)
    except AdvGameError as error:
        parser.exit(AdvGameError.exit_code, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"\n{parser.prog}: stopped; the JSON holds the rows that were done\n")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: use a positive number")
    return value


def _run(args: argparse.Namespace) -> None:
    import datasets
    import torch

    from advgame.machine import cpu
    from advgame.memory import keep_heap
    from benchmarks.bench import Bench
    from benchmarks.machine import facts, slug
    from benchmarks.table import show
    from benchmarks.workload import config_of

    datasets.disable_progress_bars()
    torch.set_num_threads(args.threads)
    keep_heap()  # as `train` has it; both arms gain
    kind = "quick" if args.quick else "full"
    out: Path = args.out or RESULTS / f"{args.preset}-{kind}-{slug(cpu())}.json"
    rows = _kept(out)
    # What is wrong with the preset or the file is said now and not after the first row.
    config_of(args.preset, args.quick, args.threads)
    _write(out, list(rows.values()))
    repeats = args.repeats or (2 if args.quick else 5)
    with ExitStack() as whole:
        bench = Bench(whole, args.quick, repeats, args.threads, args.preset)
        for name in args.only or ROWS:
            started = time.perf_counter()
            print(f"{name} ...", end=" ", flush=True)
            with ExitStack() as bench.own:  # nothing stays but the step that all rows share
                row = import_module(f"benchmarks.rows.{ROWS[name]}").measure(bench)
            took = time.perf_counter() - started
            rows[name] = row.as_json() | {"run": {"kind": kind, "wall_s": round(took), **facts()}}
            print(f"{row.ratio.median:.3g} {row.unit} ({took:.0f} s)", flush=True)
            _write(out, [rows[each] for each in ROWS if each in rows])
    show(list(rows.values()))
    print(f"JSON: {out}")


def _kept(out: Path) -> dict[str, Any]:
    """Rows of an earlier run into the same file."""
    if not out.exists():
        return {}
    try:
        return {row["name"]: row for row in json.loads(out.read_bytes())["rows"]}
    except OSError as error:
        raise StoreError(f"cannot read {out}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{out} is no result of this program; name another file") from error


def _write(out: Path, rows: list[dict[str, Any]]) -> None:
    from advgame.store.atomic import reporting, write_text

    with reporting(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps({"format": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
