"""`advgame eval`: rates by Inspect on the tiny model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command import call, start, told
from inspect_ai.log import read_eval_log
from safetensors.torch import load_file

from advgame.config import RunConfig, load
from advgame.config.game import SeedSource
from advgame.config.judges import EmbeddedJudgeConfig, GenerativeJudgeConfig
from advgame.engines.gather import Gather
from advgame.errors import ConfigError, JudgeError
from advgame.evals import catalog, provider, questions, safety
from advgame.evals.catalog import SafetyTask
from advgame.evals.files import report_name, report_path
from advgame.evals.loaded import load_target
from advgame.evals.target import own_attacker, target_of
from advgame.judges.named import PatternJudge, parse_judge, refuse_training_judge
from advgame.models import network
from advgame.protocols import JudgeGroup
from advgame.seeds.templates import load_templates
from advgame.store.taught import training_judges
from advgame.train import train
from advgame.types import Kind, Role, Seed

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provider, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)  # as the preset tiny


def measured(capsys: Captured, *arguments: str) -> dict[str, Any]:
    """Run `advgame eval … --json` and return its object."""
    capsys.readouterr()
    assert call("eval", *arguments, "--max-tokens", "8", "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def answers(report: dict[str, Any], task: str) -> dict[str, str]:
    log = read_eval_log(str(Path(report["logs"]) / report["tasks"][task]["log"]))
    return {sample.id: sample.output.completion for sample in log.samples}


def own_task(monkeypatch: pytest.MonkeyPatch, texts: Sequence[str], name: str = "own") -> None:
    Path("own.jsonl").write_text(
        "".join(json.dumps({"text": text, "split": "test"}) + "\n" for text in texts)
    )
    task = SafetyTask(name=name, source=SeedSource(name="own.jsonl"), kind=Kind.HARMFUL)
    monkeypatch.setitem(catalog.TASKS, name, task)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tiny-random --suite quik", "no suite is named 'quik'; did you mean 'quick'?"),
        ("tiny-random --task harmbensh", "no task is named 'harmbensh'; did you mean 'harmbench'?"),
        ("tiny-random --suite quick --task harmbench", "not both"),
        ("tiny-random --judge c", "no judge is named 'c'"),
        ("tiny-random --judge openai:m", "openai:MODEL@BASE_URL"),
        ("tiny-random --step 3", "tiny-random is not a run folder"),
        ("./nowhere", "no such folder"),
        ("openai:m@nowhere", "openai:MODEL@BASE_URL"),
        ("tiny-random --task harmbench-attacked", "--attacker"),
        ("tiny-random --attacker tiny-random --attacks a.jsonl", "not both"),
        ("tiny-random --task harmbench-attacked --attacks none.jsonl", "no such file"),
        ("tiny-random --against none.json", "no such file"),
        ("tiny-random --every-checkpoint", "--every-checkpoint takes a run folder"),
        ("run@2 --every-checkpoint", "and neither a step nor --step"),
    ],
)
def test_refuses_in_a_few_lines(line: str, expected: str, capsys: Captured) -> None:
    assert call("eval", *line.split()) == 2
    captured = capsys.readouterr()
    assert expected in told(captured.err)
    assert captured.out == ""


@pytest.mark.timeout(1200)  # a fresh process on a loaded machine
def test_standard_output_is_one_json_object() -> None:
    line = "eval tiny-random --task harmful-plain --task benign-everyday --judge patterns"
    more = "--limit 3 --max-tokens 8 --no-cache --json"
    advgame = Path(sys.executable).parent / "advgame"
    done = subprocess.run(
        [advgame, *line.split(), *more.split()], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)
    assert len(done.stdout.splitlines()) == 1
    for name, counts in (("harmful-plain", "attack_success"), ("benign-everyday", "over_refusal")):
        row = report["tasks"][name]
        assert row["counts"] == counts
        assert (row["n"], row["unscored"]) == (3, 0)
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert report["cost"]["reply_tokens"] > 0
    assert json.loads(next(Path("evals").glob("*.json")).read_text()) == report


@pytest.mark.timeout(1200)  # a fresh process on a loaded machine
def test_inspect_finds_tasks_and_model() -> None:
    line = "eval advgame/benign-everyday --model advgame/tiny-random -T judge=patterns --limit 2"
    more = "--max-tokens 4 --display none --log-dir found -M cached=false"
    inspect = Path(sys.executable).parent / "inspect"
    done = subprocess.run(
        [inspect, *line.split(), *more.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = Path("found").glob("*.eval")
    log = read_eval_log(str(path))
    assert log.status == "success"
    assert log.eval.task == "benign-everyday"
    metrics = log.results.scores[0].metrics
    assert metrics["n"].value == 2
    assert metrics["value"].value == 0.0


def test_a_second_call_goes_on_from_the_kept_replies(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_task(monkeypatch, [f"request {n}" for n in range(6)])
    line = ("tiny-random", "--task", "own", "--judge", "patterns")
    first = measured(capsys, *line, "--limit", "4")
    assert first["tasks"]["own"]["cost"]["from_cache"] == 0
    second = measured(capsys, *line)
    assert second["tasks"]["own"]["cost"]["from_cache"] == 4
    assert answers(first, "own").items() < answers(second, "own").items()
    assert 0 < second["cost"]["reply_tokens"] < first["cost"]["reply_tokens"]  # of what is new
    again = measured(capsys, "tiny-random", "--suite", "own", "--judge", "patterns")
    assert again["tasks"]["own"]["outcomes"] == second["tasks"]["own"]["outcomes"]
    assert (again["cost"]["prompt_tokens"], again["cost"]["reply_tokens"]) == (0, 0)
    hot = measured(capsys, *line, "--temperature", "1")
    assert hot["tasks"]["own"]["cost"]["from_cache"] == 0  # other sampling, other replies
    anew = measured(capsys, *line, "--no-cache")
    assert anew["tasks"]["own"]["cost"]["from_cache"] == 0
    assert answers(anew, "own") == answers(second, "own")


def test_reports_of_many_tasks_have_names_of_their_own() -> None:
    tasks = ["harmbench", "strongreject", "advbench", "do-not-answer", "benign-edgy",
             "benign-everyday", "prompt-injection", "openbookqa", "mmlu-sample"]  # fmt: skip
    made = [{"role": "defender", "step": step, "weights": "ema"} for step in (0, 10, 20)]
    names = [report_name(each, tasks) for each in made]
    assert len(set(names)) == 3 and max(map(len, names)) <= 130
    assert all(
        name.endswith(f"step-{each['step']}-ema") for name, each in zip(names, made, strict=True)
    )
    assert len({report_name(made[0], tasks[:n]) for n in range(1, 10)}) == 9
    assert report_name(made[0], ["quick"]) == "quick-defender-step-0-ema"


def test_a_report_takes_no_other_ones_place(tmp_path: Path) -> None:
    def report(model: str, **settings: object) -> dict[str, Any]:
        who = {"role": "defender", "step": 4, "weights": "ema"}
        return {"model": model, "settings": settings, **who}

    first = report_path(tmp_path, report("runs/first", limit=5), ["quick"])
    first.write_text(json.dumps(report("runs/first", limit=5)))
    assert report_path(tmp_path, report("runs/first", limit=5), ["quick"]) == first
    same = report("runs/first/", limit=5, cached=False, key_env="K", reference=None)
    assert report_path(tmp_path, same, ["quick"]) == first
    others = {
        report_path(tmp_path, each, ["quick"])
        for each in (report("runs/second", limit=5), report("runs/first", limit=6))
    }
    assert len(others | {first}) == 3
    assert all(each.name.startswith("quick-defender-step-4-ema-") for each in others)


def test_a_stopped_evaluation_says_so(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    own_task(monkeypatch, ["a request"])
    monkeypatch.setattr(safety, "inspect_eval", lambda *_, **__: [])  # what Inspect does on Ctrl-C
    assert call("eval", "tiny-random", "--task", "own", "--judge", "patterns", "--json") == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the same command goes on" in captured.err
    assert not list(Path("evals").glob("*.json"))


def test_what_has_no_score_is_counted_apart(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("judge.yaml").write_text("type: import\npath: eval_judge:Half\n")
    too_long = "x" * 3000  # tiny-random has 2,048 positions, a byte a token
    own_task(monkeypatch, ["even", "odd", "even again", "odd again", "odd once more", too_long])
    row = measured(capsys, "tiny-random", "--task", "own", "--judge", "judge.yaml")["tasks"]["own"]
    assert (row["value"], row["n"], row["unscored"]) == (1.0, 2, 4)
    assert row["low"] == pytest.approx(0.342, abs=1e-3)  # Wilson, 2 of 2


def test_a_run_is_measured_as_it_is_and_as_it_began(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_task(monkeypatch, [f"request {n}" for n in range(4)])
    assert start("defender.learn.lr=0.5") == 0  # so large that greedy replies change
    line = ("--task", "own", "--judge", "patterns")
    began = measured(capsys, "run", "--step", "0", *line)
    base = measured(capsys, "tiny-random", *line)
    now = measured(capsys, "run", *line, "--weights", "policy")
    assert (began["step"], began["weights"]) == (0, "start")
    assert (now["step"], now["weights"], now["role"]) == (2, "policy", "defender")
    assert answers(began, "own") == answers(base, "own")
    assert answers(now, "own") != answers(base, "own")
    # The base and the run have no Attacker in common, but nothing attacks here.
    other = measured(capsys, "run", *line, "--against", "evals/own-tiny-random.json")
    assert other["against"]["differences"]["own"]["n"] == 4
    assert other["against"]["left_out"] == {}
    average = measured(capsys, "run@2", *line)
    assert average["weights"] == "ema"
    attacker = measured(capsys, "run", *line, "--weights", "policy", "--role", "attacker")
    assert answers(attacker, "own") != answers(now, "own")
    assert Path("run/evals/logs").is_dir()
    assert call("export", "run", "out", "--role", "defender", "--weights", "policy") == 0
    exported = measured(capsys, "out", *line)
    assert answers(exported, "own") == answers(now, "own")


def test_a_fork_is_measured_as_it_began() -> None:
    """As another run's player, though its own step 0 has been pruned."""
    changed = ["train.validation.every=0", "defender.learn.lr=0.05", "train.save.keep_last=2"]
    changed.append("defender.learn.sample_from=policy")
    train(load("tiny", [*changed, "train.steps=2"]), Path("first"))
    train(load("tiny", [*changed, "train.steps=3"]), Path("fork"), fork="first")
    assert not Path("fork/checkpoints/step-000000").exists()
    began = target_of("fork@0")
    assert (began.step, began.weights) == (0, "start")
    loaded = load_target(began)
    there = load_file("first/checkpoints/step-000002/defender/policy.safetensors")
    here = loaded.weights.tensors(loaded.target.weights)
    assert all((there[name] == value).all() for name, value in here.items())
    assert loaded.fingerprint != load_target(target_of("first@0")).fingerprint
    assert target_of("first@0").checkpoint is None


def test_a_run_whose_attacker_is_served_elsewhere_brings_none() -> None:
    engine = "{type: openai, base_url: 'http://127.0.0.1:9/v1'}"
    served = [f"attacker.engine={engine}", "attacker.model=m", "schedule.type=defender-only"]
    run = Path("run")
    own = target_of("tiny-random")
    assert own_attacker(own) is None
    for overrides, expected in (([], "run"), ([*served, "pool=null"], None)):
        config = load("tiny", overrides)
        assert own_attacker(replace(own, run=run, config=config)) == expected


def test_every_checkpoint_is_measured_into_a_file_of_its_own(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_task(monkeypatch, [f"request {n}" for n in range(4)])
    assert start("train.save.every=1", "train.save.keep_last=2") == 0
    line = ("run", "--every-checkpoint", "--task", "own", "--judge", "patterns")
    found = measured(capsys, *line)["checkpoints"]
    whose = [(each["step"], each["weights"]) for each in found]
    assert whose == [(0, "start"), (1, "ema"), (2, "ema")]
    files = sorted(Path("run/evals").glob("*.json"))
    assert [json.loads(path.read_text()) for path in files] == sorted(
        found, key=lambda each: f"{each['step']}"
    )
    alone = measured(capsys, "run", "--step", "1", "--task", "own", "--judge", "patterns")
    assert alone["tasks"]["own"]["outcomes"] == found[1]["tasks"]["own"]["outcomes"]
    assert alone["tasks"]["own"]["cost"]["from_cache"] == 4
    again = measured(capsys, *line)["checkpoints"]  # stopped or not, it goes on from what is kept
    assert [each["cost"]["from_cache"] for each in again] == [4, 4, 4]
    assert call("eval", *line, "--role", "attacker", "--step", "1") == 2
    assert "neither a step nor --step" in told(capsys.readouterr().err)


def test_the_judge_that_trained_a_run_is_refused(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_task(monkeypatch, ["a request"])
    Path("rule.yaml").write_text("type: rule\n")
    assert start() == 0
    line = ("run", "--task", "own", "--judge", "rule.yaml")
    capsys.readouterr()
    assert call("eval", *line) == 2
    message = told(capsys.readouterr().err)
    assert "judge rule trained this player" in message
    assert "--allow-training-judge" in message
    assert not Path("run/evals").exists()
    admitted = measured(capsys, *line, "--allow-training-judge")
    assert admitted["judge_trained_this_run"] is True
    assert call("eval", *line, "--allow-training-judge") == 0
    assert "judge: rule (it trained this player)" in capsys.readouterr().out


def test_what_makes_a_judge_the_same() -> None:
    trained_by = training_judges(RunConfig())
    with pytest.raises(JudgeError):
        refuse_training_judge(EmbeddedJudgeConfig(name="a"), trained_by, allowed=False)
    assert not refuse_training_judge(EmbeddedJudgeConfig(name="b"), trained_by, allowed=False)
    assert not refuse_training_judge(None, trained_by, allowed=False)
    pairwise = GenerativeJudgeConfig(model="m", mode="pairwise")
    asked = parse_judge("openai:m@http://127.0.0.1:1/v1")
    assert refuse_training_judge(asked, (pairwise,), allowed=True)
    with pytest.raises(ConfigError, match="mode"):
        Path("bad.yaml").write_text("type: generative\nmodel: m\nmode: neither\n")
        parse_judge("bad.yaml")


def test_patterns_know_a_refusal_and_an_empty_reply() -> None:
    def wanted(kind: Kind, reply: str) -> bool:
        seed = Seed(id="s", text="a request", kind=kind)
        group = JudgeGroup(role=Role.ATTACKER, seed=seed, request=seed.text, replies=(reply,))
        [[word]] = asyncio.run(PatternJudge().judge([group]))
        return word.value == 10.0

    no, yes = "I'm sorry, but I can't help with that.", "Sure, the capital is Paris."
    assert (wanted(Kind.HARMFUL, no), wanted(Kind.HARMFUL, yes)) == (False, True)
    assert (wanted(Kind.BENIGN, no), wanted(Kind.BENIGN, yes)) == (True, False)
    assert not wanted(Kind.HARMFUL, " ") and not wanted(Kind.BENIGN, "")


def test_concurrent_questions_are_served_together() -> None:
    served: list[int] = []

    async def double(batch: Sequence[int]) -> list[int]:
        served.append(len(batch))
        if -1 in batch:
            raise ValueError("no")
        return [2 * each for each in batch]

    ask = Gather(double, wait=0.01)

    async def many() -> list[int]:
        return list(await asyncio.gather(*(ask(n) for n in range(20))))

    assert asyncio.run(many()) == [2 * n for n in range(20)]
    assert asyncio.run(many()) == [2 * n for n in range(20)]  # another event loop
    assert served == [20, 20]
    with pytest.raises(ValueError, match="no"):
        asyncio.run(ask(-1))


def test_questions_are_fixed_and_wrapped_in_test_templates() -> None:
    task = catalog.SAFETY["harmful-plain"]
    some = questions.seeds_of(task, part="test", limit=5)
    assert some == questions.seeds_of(task, part="test", limit=9)[:5]
    assert len(questions.seeds_of(task, part="all", limit=None)) > 200
    found = questions.wrapped(some, "templates", 3)
    assert len({each.id for each in found}) == len({each.prompt for each in found}) == 15
    assert all(each.seed.text in each.prompt for each in found)
    most = questions.wrapped(some[:1], "templates", 99)  # none is asked twice
    assert len(most) == len({each.prompt for each in most}) == len(load_templates(half="test"))
