"""Peak memory of the game of two, against one such model with its adapters in one update.

Each is measured in a process of its own, which prints its peak:

    python -m benchmarks.rows.memory game|one|libraries PRESET STEPS

What the libraries take by themselves is subtracted from both. The game is a run of `train` over
whole steps, with `--quick` too: a part of a step would be compared with a whole micro-batch.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench import Bench
from benchmarks.common import Row, Spread

ROOT = Path(__file__).resolve().parents[2]


def measure(bench: Bench) -> Row:
    steps = 1 if bench.quick else 2
    peaks: dict[str, list[float]] = {"libraries": [], "one": [], "game": []}
    for _ in range(1 if bench.quick else bench.repeats):
        for name, found in peaks.items():
            found.append(_child(name, bench.preset, steps, bench.threads))
    ratios = [
        (game - libraries) / (one - libraries)
        for libraries, one, game in zip(*peaks.values(), strict=True)
    ]
    return Row(
        name="memory",
        measured="peak memory of the game of two, LoRA",
        against="one model + adapters + one update",
        ratio=Spread.of(ratios),
        target=1.5,
        better="lower",
        workload={
            "game": f"`train` for {steps} whole steps of {bench.preset}, validation apart",
            "one": "one player with its adapters and an update on a pack of "
            "micro_batch_tokens tokens",
        },
        correctness={"compared": "nothing: peaks of resident memory"},
        detail={
            **{
                f"{name}_mb": [round(each / 1e6) for each in found] for name, found in peaks.items()
            },
            "ratio_with_libraries": round(peaks["game"][-1] / peaks["one"][-1], 2),
        },
    )


def _child(what: str, preset: str, steps: int, threads: int) -> float:
    """Peak resident bytes of this file run as a program."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rows.memory", what, preset, str(steps)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"measuring {what} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["peak"])


def peak() -> int:
    """The most bytes this process has had resident. `ru_maxrss` would count its parent's too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def _game(config: Any) -> None:
    from advgame.train import train

    with TemporaryDirectory() as folder:
        train(config, Path(folder) / "run")


def _one(config: Any) -> None:
    from advgame.learn import LocalLearner
    from advgame.models.adapters import AdapterWeights
    from advgame.models.network import load_network
    from advgame.types import Completion, Finish, Pair

    player = config.defender
    network = load_network(player.model, player.dtype, player.device)
    learner = LocalLearner(
        AdapterWeights(network, "player", player.adapter, 0), player.learn, total_updates=10
    )
    rng = random.Random(0)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(len(network.tokenizer)) for _ in range(length))

    def reply(prompt: tuple[int, ...]) -> Completion:
        return Completion(
            prompt_ids=prompt,
            token_ids=ids(24),
            logprobs=None,
            text="",
            finish=Finish.STOP,
            policy_version=0,
        )

    prompts = [ids(44) for _ in range(player.learn.micro_batch_tokens // (44 + 2 * 23))]
    learner.update([Pair(chosen=reply(prompt), rejected=reply(prompt)) for prompt in prompts])


def main() -> None:
    from advgame.memory import lean

    lean()  # as the command line has it
    import advgame.world  # noqa: F401  every arm has the libraries in
    from advgame.config.load import load

    what, preset, steps = sys.argv[1:]
    threads = int(os.environ["OMP_NUM_THREADS"])
    alone = ("train.validation.every=0", "train.save.every=0")
    config = load(preset, [f"train.steps={steps}", f"train.threads={threads}", *alone])
    {"libraries": lambda config: None, "one": _one, "game": _game}[what](config)
    print(json.dumps({"peak": peak()}))


if __name__ == "__main__":
    main()
