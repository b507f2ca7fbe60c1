"""The whole game on the tiny model: it runs, it is reproducible, it survives."""

from __future__ import annotations

import gc
import hashlib
import json
import re
from collections.abc import Callable
from functools import partial, partialmethod
from pathlib import Path

import pytest
from http_server import Answer, Request, Server, chat, models
from left import assert_same
from safetensors.torch import load_file

from advgame.config import RunConfig, load
from advgame.credit import build as build_credit
from advgame.errors import SeedError, StoreError
from advgame.events import Event, RunStarted, StepDone
from advgame.learn import LocalLearner
from advgame.seeds.again import met, wrong
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import Episode, Example, Kind, Pair, Role, Scored, UpdateStats

METRICS = Path(__file__).parents[2] / "docs" / "metrics.md"
FAST = ["train.threads=1", "train.validation.every=0"]


AGAIN = (
    "seeds.direct={harmful: 4, benign: 4}",
    "seeds.again={harmful: 2, benign: 2}",
    "train.save.every=2",
)


def tiny(*overrides: str) -> RunConfig:
    return load("tiny", [*FAST, *overrides])


def test_twelve_steps_teach_both_players_in_every_step(tmp_path: Path) -> None:
    train(load("tiny", ["train.threads=1"]), tmp_path / "run")
    run = open_readonly(tmp_path / "run")
    lines = run.metrics()
    assert [line["step"] for line in lines] == list(range(12))
    assert all(line[f"{who}/examples"] >= 1 for line in lines for who in ("attacker", "defender"))
    assert [report["step"] for report in run.validations()] == [0, 6, 12]
    assert run.summary() is not None
    start, end = (load_file(path / "defender/policy.safetensors") for path in _first_last(run.path))
    assert any((start[name] != end[name]).any() for name in start)


def test_what_is_loaded_is_left_out_of_garbage_collection_while_it_runs(tmp_path: Path) -> None:
    frozen: list[int] = []
    watch = partial(_count, frozen)
    train(tiny("train.steps=1"), tmp_path / "run", observer=watch)
    assert min(frozen) > 10_000
    assert gc.get_freeze_count() == 0  # and a program that calls `train` gets its own back


def _count(frozen: list[int], _event: Event) -> None:
    frozen.append(gc.get_freeze_count())


def _first_last(run: Path) -> tuple[Path, Path]:
    found = sorted((run / "checkpoints").iterdir())
    return found[0], found[-1]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("train.lag=1",),
        ("train.lag=1", "pool={share: 0.5, every: 2, size: 2}", "seeds.attacked.harmful=3"),
        AGAIN,
        (*AGAIN, "train.lag=1"),
        ("train.update=step", "schedule={type: selfplay}", "judges.audit.every=1"),
        ("attacker.adapter=null", "defender.adapter=null"),
    ],
    ids=["joint", "lag", "lag-pool", "again", "again-lag", "selfplay", "full"],
)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, options: tuple[str]) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny("train.steps=5", *options), whole)

    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:  # its record is written, not its save
            raise KilledError

    with pytest.raises(KilledError):
        train(tiny("train.steps=5", *options), broken, observer=kill)
    train(tiny("train.steps=5", *options), broken, resume=True)
    assert_same(broken, whole)


@pytest.mark.parametrize("lag", [0, 1])
def test_direct_seeds_that_went_wrong_come_back(tmp_path: Path, lag: int) -> None:
    train(tiny("train.steps=4", *AGAIN, f"train.lag={lag}"), tmp_path / "run")
    run = open_readonly(tmp_path / "run")
    steps = [met(run.episodes(step)) for step in range(4)]
    ids = [{each.seed.id for each in one} for one in steps]
    returned = 0
    for step in range(4):
        expected = {
            each.id for kind in Kind for each in wrong(steps[: max(0, step - lag)], kind, 2)
        }
        assert expected <= ids[step]
        assert len(steps[step]) == len(ids[step]) == 8
        returned += len(expected)
    assert returned >= 4  # the tiny model goes wrong in every step


def judged_by(url: str, cache: Path) -> str:
    engine = f"{{type: openai, base_url: '{url}'}}"
    return f"judges.defender={{type: generative, model: m, cache: '{cache}', engine: {engine}}}"


def a_number(request: Request) -> Answer:
    """A judge of one's own mind, and of one that now and then has to be asked twice."""
    if request.path.endswith("/models"):
        return models("m")
    prompt = request.body["messages"][-1]["content"]
    one, two, odd = hashlib.sha256(prompt.encode()).digest()[:3]
    if odd % 4 == 0 and request.body["seed"] % 2:
        return chat("Well.", tokens=odd)
    marks = f"A={one % 11} B={two % 11}" if "REPLY A" in prompt else f"{one % 11}"
    return chat(f"Verdict: {marks}", tokens=one)


def test_steps_played_again_count_the_verdicts_that_were_kept(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"

    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 2:
            raise KilledError

    options = ("train.steps=4", "train.save.every=2")
    with Server(a_number).running() as server:
        train(tiny(*options, judged_by(server.base_url, tmp_path / "one")), whole)
        again = tiny(*options, judged_by(server.base_url, tmp_path / "two"))
        with pytest.raises(KilledError):
            train(again, broken, observer=kill)
        asked = len(server.requests)
        train(again, broken, resume=True)
    assert open_readonly(whole).metrics()[-1]["cost/judge_tokens"] > 0
    assert len(server.requests) < 2 * asked  # what was kept was not asked again
    assert_same(broken, whole)


def test_a_resumed_run_says_that_it_counts_with_other_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(threads: str, steps: int, resume: bool = False) -> tuple[str, ...]:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        config = load("tiny", ["train.validation.every=0", f"train.steps={steps}"])
        told: list[tuple[str, ...]] = []
        watch = partial(_notes, told)
        train(config, tmp_path / "run", resume=resume, observer=watch)
        return told[0]

    said = "2 threads before, 1 now: the continuation is not bit-identical"
    run("2", 1)
    assert not any(said in note for note in run("2", 2, resume=True))
    assert any(said in note for note in run("1", 3, resume=True))


def _notes(told: list[tuple[str, ...]], event: Event) -> None:
    if isinstance(event, RunStarted):
        told.append(event.notes)


@pytest.mark.parametrize(
    "kind", ["joint", "sequential", "static", "attacker-only", "defender-only"]
)
def test_every_schedule_teaches_whom_it_says(tmp_path: Path, kind: str) -> None:
    phases = ", attacker_steps: 1, defender_steps: 1" if kind == "sequential" else ""
    train(tiny("train.steps=2", f"schedule={{type: {kind}{phases}}}"), tmp_path / "run")
    lines = open_readonly(tmp_path / "run").metrics()
    taught = {who for who in ("attacker", "defender") for line in lines if f"{who}/loss" in line}
    assert (
        taught
        == {
            "joint": {"attacker", "defender"},
            "sequential": {"attacker", "defender"},
            "static": {"defender"},
            "attacker-only": {"attacker"},
            "defender-only": {"defender"},
        }[kind]
    )
    assert lines[-1]["cost/sampled_tokens"] > lines[0]["cost/sampled_tokens"] > 0
    assert lines[-1]["cost/flops"] > 0


BUDGET = ("train.steps=99", "train.budget_tokens=900", "defender.learn.decay=cosine")


@pytest.mark.parametrize("lag", [0, 1])
def test_a_run_ends_with_its_budget_and_resumes_to_the_same_end(tmp_path: Path, lag: int) -> None:
    made = load(
        "tiny", ["train.threads=1", "train.validation.every=2", *BUDGET, f"train.lag={lag}"]
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    summary = train(made, whole)
    lines = open_readonly(whole).metrics()
    spent = [line["cost/sampled_tokens"] + line["cost/trained_tokens"] for line in lines]
    assert spent[-2] < 900 <= spent[-1]
    assert summary["steps"] == len(lines) < 99
    assert [report["step"] for report in open_readonly(whole).validations()][-1] == len(lines)
    rates = [line["defender/lr"] for line in lines]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1e-3 > rates[-1]

    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == len(lines) - 2:
            raise KilledError

    with pytest.raises(KilledError):
        train(made, broken, observer=kill)
    for _ in range(2):  # the second time nothing is left to do
        train(made, broken, resume=True)
    assert_same(broken, whole)


@pytest.mark.parametrize("objective", ["dpo", "ipo", "grpo"])
def test_every_objective_runs(tmp_path: Path, objective: str) -> None:
    both = [f"{who}.learn.objective={{type: {objective}}}" for who in ("attacker", "defender")]
    summary = train(tiny("train.steps=2", *both), tmp_path / "run")
    assert summary["cost"]["trained_tokens"] > 0
    learned = {
        name.removeprefix("attacker/")
        for name in open_readonly(tmp_path / "run").metrics()[-1]
        if re.fullmatch(r"attacker/\w+", name)
    }
    documented = set(re.findall(r"^\| `\{learner\}/(\w+)` \|", METRICS.read_text("utf-8"), re.M))
    assert len(learned) > 10 and learned <= documented


def test_minibatches_are_parts_of_the_same_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def updates(name: str, *options: str) -> list[list[Example]]:
        seen: list[list[Example]] = []
        monkeypatch.setattr(LocalLearner, "update", partialmethod(_watched, seen, update))
        seeds = "seeds.attacked={harmful: 5, benign: 3}"
        train(tiny("train.steps=1", seeds, *options), tmp_path / name)
        return seen

    update = LocalLearner.update
    [attacker, whole, *benign] = updates("one")
    [also, first, second, third, *rest] = updates("three", "defender.learn.minibatches=3")
    assert also == attacker  # the option is a player's own
    assert len(rest) == len(benign) + 2
    parts = [first, second, third]
    assert all(parts) and sum(map(len, parts)) == len(whole)
    assert all(each in whole for part in parts for each in part)
    prompts = [
        {each.chosen.prompt_ids for each in part if isinstance(each, Pair)} for part in parts
    ]
    assert not prompts[0] & prompts[1] | prompts[1] & prompts[2] | prompts[0] & prompts[2]


def _watched(
    self: LocalLearner,
    seen: list[list[Example]],
    update: Callable[[LocalLearner, list[Example]], UpdateStats],
    examples: list[Example],
) -> UpdateStats:
    seen.append(examples)
    return update(self, examples)


def test_a_fork_starts_from_the_other_runs_players(tmp_path: Path) -> None:
    train(tiny("train.steps=2"), tmp_path / "old")
    seen: list[Episode[Scored]] = []

    def keep(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 0:
            seen.extend(event.episodes)

    made = tiny("train.steps=1", "seed=1")
    train(made, tmp_path / "fork", fork=f"{tmp_path / 'old'}@2", observer=keep)
    fresh = train(made, tmp_path / "fresh")
    assert fresh["steps"] == 1
    assert open_readonly(tmp_path / "fresh").episodes(0) != seen
    start = load_file(tmp_path / "old/checkpoints/step-000002/defender/policy.safetensors")
    end = load_file(tmp_path / "fork/checkpoints/step-000001/defender/policy.safetensors")
    fresh_end = load_file(tmp_path / "fresh/checkpoints/step-000001/defender/policy.safetensors")
    near = sum(float((start[name] - end[name]).abs().sum()) for name in start)
    far = sum(float((start[name] - fresh_end[name]).abs().sum()) for name in start)
    assert near < far


def test_a_fork_may_train_a_player_that_the_other_run_did_not(tmp_path: Path) -> None:
    train(tiny("train.steps=1", "schedule={type: defender-only}"), tmp_path / "old")
    told: list[tuple[str, ...]] = []
    fork = str(tmp_path / "old")
    train(tiny("train.steps=1"), tmp_path / "fork", fork=fork, observer=partial(_notes, told))
    assert told[0][-1] == f"{fork} never trained its attacker: it begins anew here"
    train(tiny("train.steps=1"), tmp_path / "fresh", fork=fork, fresh=[Role.ATTACKER])
    runs = (open_readonly(tmp_path / name) for name in ("fork", "fresh"))
    one, other = ([run.episodes(0), run.metrics()[0]["attacker/loss"]] for run in runs)
    assert one == other


def test_the_configuration_that_a_run_leaves_repeats_it(tmp_path: Path) -> None:
    train(tiny("train.steps=2", "seed=5", "defender.learn.lr=0.01"), tmp_path / "run")
    train(load(str(tmp_path / "run/config.yaml")), tmp_path / "again")
    assert_same(tmp_path / "again", tmp_path / "run")


def test_self_play_teaches_one_policy_what_both_roles_earned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Example]] = []
    monkeypatch.setattr(LocalLearner, "update", partialmethod(_watched, seen, LocalLearner.update))
    made = tiny("train.steps=1", "schedule={type: selfplay}", "train.update=step")
    train(made, tmp_path / "run")
    [line] = open_readonly(tmp_path / "run").metrics()
    episodes = open_readonly(tmp_path / "run").episodes(0)
    credit = build_credit(made.defender.learn.credit_or_default)
    earned = [len(credit(episodes, role)) for role in Role]
    assert min(earned) > 0
    assert line["shared/examples"] == sum(earned) == sum(map(len, seen))


def test_the_best_by_a_validation_is_saved_whenever_there_is_one(tmp_path: Path) -> None:
    best = "keep_best: validation/direct/harmful/attack_success, best: min"
    made = [f"train.save={{every: 3, keep_last: 9, {best}}}", "train.steps=5"]
    run = tmp_path / "run"
    train(load("tiny", ["train.threads=1", "train.validation.every=2", *made]), run)
    assert [each.step for each in open_readonly(run).checkpoints()] == [2, 3, 4, 5]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    def intrude(event: Event) -> None:
        if isinstance(event, StepDone):
            train(tiny("train.steps=2"), tmp_path / "run", resume=True)

    with pytest.raises(StoreError, match="in use"):
        train(tiny("train.steps=2"), tmp_path / "run", observer=intrude)


def test_a_player_that_a_fork_leaves_alone_plays_as_it_played_there(tmp_path: Path) -> None:
    """With the set that the other run sampled from; what the fork would sample is its default."""
    fast = ("defender.learn.lr=0.05", "defender.learn.sample_from=policy")
    train(tiny("train.steps=3", *fast), tmp_path / "old")
    made = tiny("train.steps=1", "schedule={type: attacker-only}", "defender.learn.sample_from=ema")
    train(made, tmp_path / "fork", fork=str(tmp_path / "old"))
    there, here = (
        load_file(tmp_path / f"{run}/checkpoints/step-{step:06d}/defender/{name}.safetensors")
        for run, step, name in (("old", 3, "policy"), ("fork", 1, "ema"))
    )
    assert all((there[name] == value).all() for name, value in here.items())


def test_guided_replies_may_be_the_beginners(tmp_path: Path) -> None:
    """Whatever the Defender has learned, a guided reply to the same request stays the same."""
    guided = ["defender.guide={harmful: 1, weights: start}", "train.steps=3"]
    said = {}
    for rate in ("0.05", "0.0005"):
        train(tiny(*guided, f"defender.learn.lr={rate}"), tmp_path / rate)
        said[rate] = [
            {
                (step, at, reply.move.completion.guided): reply.move
                for step in range(3)
                for at, episode in enumerate(open_readonly(tmp_path / rate).episodes(step))
                if episode.seed.direct and episode.seed.kind is Kind.HARMFUL
                for reply in episode.branches[0].replies
                if reply.move.completion is not None
            }
        ]
    (fast,), (slow,) = said.values()
    drawn = [key for key in fast if key[2]]
    assert drawn and all(fast[key].text == slow[key].text for key in drawn)
    assert all(fast[key].completion.policy_version == 0 for key in drawn)
    own = [key for key in fast if not key[2] and key[0] == 2]
    assert any(fast[key].text != slow[key].text for key in own)


def test_a_run_without_validation_needs_no_seeds_for_it(tmp_path: Path) -> None:
    for kind in Kind:
        rows = [{"text": f"{kind} request {n}", "split": "train"} for n in range(2)]
        (tmp_path / kind).with_suffix(".jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = [f"seeds.{kind}=[{tmp_path / kind}.jsonl]" for kind in Kind]
    train(tiny("train.steps=1", "train.validation.every=0", *own), tmp_path / "run")
    with pytest.raises(SeedError, match="no seed in split validation"):
        train(tiny("train.steps=1", "train.validation.every=1", *own), tmp_path / "other")


@pytest.mark.parametrize("kind", ["joint", "selfplay", "full"])
def test_a_fork_keeps_a_player_that_it_does_not_train(tmp_path: Path, kind: str) -> None:
    """A fresh Attacker against the other run's Defender, which must stay what it was."""
    update = ("train.update=step", "schedule={type: selfplay}") if kind == "selfplay" else ()
    fast = [f"{who}.learn.lr=0.05" for who in ("attacker", "defender")]
    whole = [
        f"{who}.{key}"
        for who in ("attacker", "defender")
        for key in ("adapter=null", "dtype=bfloat16")  # its policy and ema are kept in float32
        if kind == "full"
    ]
    train(tiny("train.steps=3", *fast, *update, *whole), tmp_path / "old")
    made = tiny("train.steps=2", "schedule={type: attacker-only}", *whole)
    old, fresh = f"{tmp_path / 'old'}@3", (Role.ATTACKER,)

    class KilledError(Exception):
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            raise KilledError

    train(made, tmp_path / "whole", fork=old, fresh=fresh)
    with pytest.raises(KilledError):
        train(made, tmp_path / "broken", fork=old, fresh=fresh, observer=kill)
    train(made, tmp_path / "broken", resume=True)
    assert_same(tmp_path / "broken", tmp_path / "whole")

    part = "shared" if kind == "selfplay" else "defender"
    source = load_file(tmp_path / f"old/checkpoints/step-000003/{part}/ema.safetensors")
    kept = load_file(tmp_path / "whole/checkpoints/step-000002/defender/ema.safetensors")
    assert kept and all((source[name] == value).all() for name, value in kept.items())
    train(made, tmp_path / "untrained")
    replies = [
        [reply.move.text for e in run.episodes(0) for b in e.branches for reply in b.replies]
        for run in (open_readonly(tmp_path / name) for name in ("whole", "untrained"))
    ]
    attacks = [
        [b.attack.move.text for e in run.episodes(0) for b in e.branches]
        for run in (open_readonly(tmp_path / name) for name in ("whole", "untrained"))
    ]
    assert attacks[0] == attacks[1]  # the Attacker is fresh
    assert replies[0] != replies[1]  # the Defender is not
