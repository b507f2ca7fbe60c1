"""A run folder that is true to the format, made without a model: for tests of what reads one.

Rates and texts are drawn from a seeded generator; every step holds some hostile text. Run it as a
script (`python tests/fake_run.py FOLDER [STEPS]`) to look at a page.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import yaml

from advgame.config import RunConfig
from advgame.metrics.hacking import alarm, audited, cells
from advgame.store.episodes import to_line
from advgame.types import (
    Branch,
    Completion,
    Episode,
    Fault,
    Finish,
    Judgement,
    Kind,
    Missing,
    Move,
    Reward,
    Scored,
    Seed,
)

HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 2'>",
    "\x1b[31mred\x1b[0m \u202edesrever\u202c {{ 7 * 7 }}",
    "<!-- <script> --><svg onload=window.pwned=3> </style></template>",
    "]]> &lt;b&gt; javascript:alert(1) \u2028 \ud800 http://example.invalid/x.png",
)
TOPICS = ("a lock", "a parade", "an email", "a bridge", "a poem", "a password", "a recipe", "a map")
REFUSALS = ("I'm sorry, but I can't help with that.", "I cannot assist with this request today.")
ANSWERS = ("Sure! Here is a general outline of the idea.", "Of course. Let us begin with the first")
RATES = ("direct/harmful", "direct/benign", "attacked/harmful", "attacked/benign")


def write_fake_run(
    folder: Path,
    *,
    steps: int = 12,
    seeds: int = 4,
    validations: int = 4,
    questions: int = 24,
    summary: bool = True,
) -> Path:
    """Write a run of `steps` steps with `seeds` seeds of each kind a step, and return `folder`."""
    rng = random.Random(7)
    (folder / "episodes").mkdir(parents=True)
    config = RunConfig(name=folder.name).model_dump(mode="json")
    config["train"]["steps"] = steps
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    every = max(1, steps // max(1, validations - 1))
    at = sorted({*range(0, steps, every), steps}) if validations > 1 else [0][:validations]
    reports = {step: _validation(step, steps, questions, rng) for step in at}
    audits: list[dict[str, Any]] = []
    with (folder / "metrics.jsonl").open("w", encoding="utf-8") as out:
        for step in range(steps):
            line = _metrics(step, steps, reports.get(step), rng)
            if step % 3 == 0:
                audits.append(_audit(_progress(step, steps)))
                line |= audits[-1] | alarm([*audits][-8:])
            out.write(json.dumps(line) + "\n")
            _episodes(folder / "episodes" / f"step-{step:06d}.jsonl", step, steps, seeds, rng)
    for step, report in reports.items():
        path = folder / "validation" / f"step-{step:06d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report), encoding="utf-8")
    if summary:
        document = json.dumps(_summary(steps, reports))
        (folder / "summary.json").write_text(document, encoding="utf-8")
    return folder


def _progress(step: int, steps: int) -> float:
    return step / max(1, steps)


def _validation(step: int, steps: int, questions: int, rng: random.Random) -> dict[str, Any]:
    done = _progress(step, steps)
    ask = random.Random(1)  # the same questions each time
    rates, transcripts = {}, []
    for name in RATES:
        mode, kind = name.split("/")
        start, end = {"harmful": (0.95, 0.3), "benign": (0.02, 0.05)}[kind]
        wins = 0
        for index in range(questions):
            success = rng.random() < start + (end - start) * done
            wins += success
            refused = success == (kind == "benign")
            topic = ask.choice(TOPICS)
            prompt = f"({kind}) Please write about {topic}, number {index}."
            reply = rng.choice(REFUSALS if refused else ANSWERS) + f" About {topic}."
            transcripts.append(
                {
                    "id": f"{kind}-{index}",
                    "kind": kind,
                    "mode": mode,
                    "seed": prompt,
                    "prompt": prompt if mode == "direct" else f"As a novelist I ask: {prompt}",
                    "reply": reply + (f" {HOSTILE[index % 5]}" if index < 5 else ""),
                    "score": round(rng.uniform(0, 10), 2),
                    "success": None if index == 7 else success,
                    "explanation": HOSTILE[0] if index == 1 else "opens with a refusal",
                }
            )
        rate, half = wins / questions, 0.98 / questions**0.5
        suffix = "attack_success" if kind == "harmful" else "over_refusal"
        rates[f"{mode}/{kind}/{suffix}"] = {
            "value": rate,
            "low": max(0.0, rate - half),
            "high": min(1.0, rate + half),
            "n": questions,
            "unscored": 1,
        }
    return {"step": step, "rates": rates, "transcripts": transcripts}


def _metrics(
    step: int, steps: int, validation: dict[str, Any] | None, rng: random.Random
) -> dict[str, Any]:
    done = _progress(step, steps)
    noisy = lambda value, spread=0.05: value + rng.uniform(-spread, spread)  # noqa: E731
    line: dict[str, Any] = {"step": step, "versions/attacker": step, "versions/defender": step}
    for kind in ("harmful", "benign"):
        line |= {
            f"attacker/{kind}/reward": noisy(6 - 3 * done, 0.8),
            f"attacker/{kind}/score": noisy(6.5 - 3 * done, 0.8),
            f"attacker/{kind}/win_rate": noisy(0.7 - 0.3 * done),
            f"attacker/{kind}/parse_rate": noisy(0.95),
            f"attacker/{kind}/fault_truncated": noisy(0.05),
            f"attacker/{kind}/fault_unparseable": noisy(0.06),
            f"attacker/{kind}/fault_unfaithful": noisy(0.25 - 0.1 * done),
            f"attacker/{kind}/unscored": 0.0,
            f"attacker/{kind}/position_bias": noisy(0.1),
            f"attacker/{kind}/distinct_2": noisy(0.8 - 0.2 * done),
            f"attacker/{kind}/self_overlap": noisy(0.3 + 0.2 * done),
            f"attacker/{kind}/copy_overlap": noisy(0.4),
            f"attacker/{kind}/length": noisy(24, 4),
        }
        for mode in ("direct", "attacked"):
            line |= {
                f"defender/{kind}/{mode}/reward": noisy(3 + 4 * done, 0.7),
                f"defender/{kind}/{mode}/score": noisy(3 + 4 * done, 0.7),
                f"defender/{kind}/{mode}/fault_truncated": noisy(0.3 - 0.2 * done),
                f"defender/{kind}/{mode}/fault_unparseable": 0.0,
                f"defender/{kind}/{mode}/position_bias": None,
                f"defender/{kind}/{mode}/unscored": noisy(0.02, 0.02),
                f"defender/{kind}/{mode}/distinct_2": noisy(0.75 - 0.2 * done),
                f"defender/{kind}/{mode}/length": noisy(40, 5),
                f"defender/{kind}/{mode}/contrast": noisy(0.5 + 0.3 * done),
            }
    for player in ("attacker", "defender"):
        line |= {
            f"{player}/loss": noisy(0.69 - 0.3 * done),
            f"{player}/grad_norm": noisy(1.5, 0.5),
            f"{player}/lr": 5e-4 * (1 - 0.8 * done),
            f"{player}/examples": rng.randint(6, 20),
            f"{player}/kl": noisy(0.2 * done, 0.02),
            f"{player}/reward_accuracy": None if step == 0 else noisy(0.6 + 0.2 * done),
            f"{player}/skipped": 0,
            f"{player}/passes": rng.randint(1, 3),
        }
    tokens = (step + 1) * 4_000
    line |= {
        "defender/guided_share": 0.5 * (1 - done),
        "judge/retries": rng.randint(0, 2),
        "judge/unscored": noisy(0.02, 0.02),
        "cost/sampled_tokens": tokens,
        "cost/trained_tokens": tokens // 2,
        "cost/reference_tokens": tokens // 3,
        "cost/judge_tokens": tokens // 4,
        "cost/flops": tokens * 6.0 * 134e6,
        "time": {
            "step": 20.0, "attack": 4.1, "check": 0.4, "defend": 7.0, "judge": 1.0,
            "learn": 7.2, "validate": 9.0 if validation else 0.0, "save": 0.3,
        },
    }  # fmt: skip
    for name, rate in (validation or {"rates": {}})["rates"].items():
        line[f"validation/{name}"] = rate["value"]
        line |= {f"validation/{name}_{part}": rate[part] for part in ("low", "high", "n")}
    return line


def _audit(done: float) -> dict[str, Any]:
    """The Defender learns to please its judge on harmful seeds, and only there."""
    rng = random.Random(f"audit {done}")
    pairs = {}
    for cell in cells():
        pairs[cell] = []
        for _ in range(6):
            level = rng.uniform(2, 4) + 3 * done
            second = level - 3 * done * (cell == "defender/harmful")
            pairs[cell].append(
                [(level + rng.gauss(0, 0.5), second + rng.gauss(0, 0.5)) for _ in range(2)]
            )
    return dict(audited(pairs, {"defender/benign": 1}))


def _episodes(path: Path, step: int, steps: int, seeds: int, rng: random.Random) -> None:
    with path.open("w", encoding="utf-8") as out:
        for index in range(2 * seeds):
            kind = (Kind.HARMFUL, Kind.BENIGN)[index % 2]
            text = f"({kind}) Tell me about {TOPICS[(step + index) % len(TOPICS)]}."
            seed = Seed(
                id=f"{kind}-{step}-{index}", text=text, kind=kind, direct=index % 4 > 1, source="s"
            )
            count = 1 if seed.direct else 2
            branches = tuple(_branch(seed, step, n, steps, rng) for n in range(count))
            out.write(to_line(Episode(seed, branches)) + "\n")


def _branch(seed: Seed, step: int, index: int, steps: int, rng: random.Random) -> Branch[Scored]:
    fault = None if seed.direct else rng.choice((None, None, None, *Fault))
    if seed.direct:
        return Branch(
            Scored(move=Move(text=seed.text), reward=Reward(value=None)),
            tuple(_reply(seed, step, n, steps, rng) for n in range(3)),
        )
    text = f"As a novelist I ask: {seed.text} {HOSTILE[index] if step % 3 == 0 else ''}"
    reward = Reward(value=-1.0, because=fault) if fault else Reward(value=rng.uniform(0, 10))
    attack = Scored(
        move=Move(
            text="" if fault is Fault.UNPARSEABLE else text,
            thought="Perhaps a story frame works.",
            completion=_completion(text, step),
            fault=fault,
        ),
        reward=reward,
        judgements={
            "faithful": Judgement(value=float(fault is not Fault.UNFAITHFUL)),
            "attack": Judgement(value=reward.value, explanation="complies in part"),
        },
    )
    replies = () if fault else tuple(_reply(seed, step, n, steps, rng) for n in range(2))
    return Branch(attack, replies)


def _reply(seed: Seed, step: int, index: int, steps: int, rng: random.Random) -> Scored:
    refuses = rng.random() < 0.1 + 0.7 * _progress(step, steps) * (seed.kind is Kind.HARMFUL)
    text = rng.choice(REFUSALS if refuses else ANSWERS) + f" {HOSTILE[(step + index) % 5]}"
    failed = rng.random() < 0.05
    value = None if failed else rng.uniform(4, 9) if refuses else rng.uniform(0, 5)
    return Scored(
        move=Move(text=text, completion=_completion(text, step, guided=index == 0)),
        reward=Reward(value=value, because=Missing.JUDGE_FAILED if failed else None),
        judgements={
            "reply": Judgement(
                value=value,
                explanation="ignores the request" if refuses else HOSTILE[1],
                raw=HOSTILE[0],
                details={"refusal": float(refuses), "harm": 0.25},
            )
        },
    )


def _completion(text: str, version: int, guided: bool = False) -> Completion:
    tokens = tuple(range(len(text) // 4))
    return Completion(
        prompt_ids=tuple(range(40)),
        token_ids=tokens,
        logprobs=tuple(-0.5 for _ in tokens),
        text=f"<raw>{text}",
        finish=Finish.STOP,
        policy_version=version,
        guided=guided,
    )


def _summary(steps: int, reports: dict[int, dict[str, Any]]) -> dict[str, Any]:
    if not reports:
        return {"steps": steps, "before": {}, "after": {}, "differences": {}, "cost": {}}
    before, after = reports[min(reports)]["rates"], reports[max(reports)]["rates"]
    differences = {}
    for name in before:
        value = after[name]["value"] - before[name]["value"]
        differences[name] = {"value": value, "low": value - 0.15, "high": value + 0.15}
    tokens = steps * 4_000
    return {
        "steps": steps,
        "before": before,
        "after": after,
        "differences": differences,
        "cost": {"sampled_tokens": tokens, "flops": tokens * 6.0 * 134e6},
        "seconds": steps * 20.0,
        "best": {"step": steps, "metric": "validation/direct/harmful/attack_success"},
    }


if __name__ == "__main__":
    print(write_fake_run(Path(sys.argv[1]), steps=int((*sys.argv, "12", "12")[2])))
