"""The benchmark harness: what it counts and compares. Nothing here depends on how long it took."""

from __future__ import annotations

import asyncio
import io
import json
import os
import platform
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from advgame.errors import StoreError
from advgame.learn import LocalLearner
from advgame.types import Role
from benchmarks import run
from benchmarks.bench import Bench
from benchmarks.common import Row, Spread, Timed, alternate, clock_name, speedups, timed
from benchmarks.machine import facts, slug
from benchmarks.peer_generate import GenerateSampler
from benchmarks.peer_trl import TrlPlayer
from benchmarks.products import Products
from benchmarks.roofline import picture
from benchmarks.rows import decode, driver, growth, recorded, rollouts, update, whole_step
from benchmarks.run import ROWS
from benchmarks.table import show
from benchmarks.workload import Step


@pytest.fixture(scope="module")
def bench():
    with ExitStack() as stack:
        yield Bench(stack, quick=True, repeats=1, preset="tiny")


@pytest.fixture(scope="module")
def step(bench: Bench) -> Step:
    return bench.step()


def a_row(**changes) -> Row:
    row = Row(
        name="rollouts",
        measured="what",
        against="transformers generate",
        ratio=Spread.of([2.0, 3.0, 4.0]),
        target=2.5,
        workload={},
        correctness={},
    )
    return replace(row, **changes)


def test_a_row_meets_its_target_by_the_median() -> None:
    assert a_row().met and not a_row(target=3.5).met
    assert a_row(better="lower", target=3.0).met and not a_row(better="lower").met


def test_arms_alternate_and_the_ratio_is_work_a_second() -> None:
    calls = []
    arms = [lambda name=name: calls.append(name) or 1.0 for name in "ab"]
    rounds = alternate(3, *arms)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"  # warm-up, then back and forth
    assert [len(each) for each in rounds] == [2, 2, 2]
    # Half the time for the same work, then the same time for thrice the work.
    spread = speedups([(Timed(1, 10), Timed(2, 10)), (Timed(2, 30), Timed(2, 10))])
    assert (spread.min, spread.median, spread.max) == (2.0, 2.5, 3.0)


def test_a_gpu_is_waited_for_and_timed_by_the_wall(monkeypatch) -> None:
    waits = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append("wait"))
    assert clock_name() == "wall"
    timed(lambda: waits.append("work") or 1.0)
    assert waits == ["wait", "work", "wait"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--repeats", "0"], "0: use a positive number"),
        (["--preset", "nothing"], "nothing"),
        (["--out", "/proc/nothing/x.json"], "cannot write /proc/nothing/x.json"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line_and_at_once(
    monkeypatch, capsys, tmp_path, words, says
) -> None:
    for name in ("OMP_NUM_THREADS", "HF_HUB_DISABLE_PROGRESS_BARS", "TRANSFORMERS_VERBOSITY"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))  # what `main` sets goes with the test
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(run, "ROWS", {"update": "no such module"})  # nothing is measured
    monkeypatch.setattr(sys, "argv", ["bench", "--out", str(tmp_path / "x.json"), *words])
    with pytest.raises(SystemExit) as ended:
        run.main()
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and says in said[-1]


def test_a_file_that_is_no_result_is_left_as_it_is(tmp_path) -> None:
    for text in ("{", "[]", '{"rows": [{}]}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(StoreError, match=r"x\.json is no result"):
            run._kept(tmp_path / "x.json")
        assert (tmp_path / "x.json").read_text() == text


def test_cost_bends_where_it_leaves_the_line_for_good() -> None:
    assert growth.bend([20, 32], [0.02, 0.03]) is None
    assert growth.bend([20, 32], [0.09, 0.03]) is None
    assert growth.bend([20, 32], [0.01, -0.09]) == 32
    assert growth.bend([20, 32], [0.06, 0.09]) == 20


def test_the_table_fits_80_columns() -> None:
    out = io.StringIO()
    rows = [
        a_row(name=name, against="the same game from generate + TRL", ratio=Spread.of([123.4]))
        for name in ROWS
    ]
    show([row.as_json() for row in rows], Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for name in ROWS:  # whole, each
        assert any(f" {name} " in line for line in lines)


def test_facts_name_the_cpu_and_not_the_host() -> None:
    found = facts()
    assert found["cpu"] and found["versions"]["torch"] and found["clock"] in ("cpu", "wall")
    names = {platform.node(), os.environ.get("USER", "")} - {"", "root", "localhost"}
    assert not [name for name in names if name in json.dumps(found)]
    assert slug("AMD EPYC 9B45 64-Core (R)") == "amd-epyc-9b45-64-core-r"


def test_the_workload_is_what_was_sampled(step: Step) -> None:
    for role in Role:
        assert len(step.requests[role]) == len(step.drawn[role]) > 0
        for request, drawn in zip(step.requests[role], step.drawn[role], strict=True):
            assert len(drawn) == len(request.seeds)
    said = step.describe()["defender"]
    assert said["reply_tokens"]["count"] == said["replies"]
    assert said["read_tokens"] == said["prompt_tokens"]
    first, *rest = step.requests[Role.DEFENDER]
    guided = replace(first, context=(*first.messages, *first.messages))
    behind = replace(step, requests={**step.requests, Role.DEFENDER: [guided, *rest]})
    assert behind.describe()["defender"]["read_tokens"]["sum"] > said["read_tokens"]["sum"]
    played = [reply for e in step.episodes for b in e.branches for reply in b.replies]
    assert said["replies"] == len(played)
    assert said["pairs"] == len(step.pairs(Role.DEFENDER)) > 0
    assert said["pairs_of_updates"] == [len(each) for each in step.examples[Role.DEFENDER]]
    assert step.config.train.update == "split"  # as `laptop` has it: a kind of seed an update


def test_both_learners_have_the_same_loss_and_gradient(bench: Bench, step: Step) -> None:
    pairs = step.pairs(Role.DEFENDER) * 6  # more than one of TRL's micro-batches, the last short
    assert len(pairs) > 8 and len(pairs) % 8
    far = update.compare(bench, step.config.defender, pairs, "float32", count=len(pairs))
    assert far["loss"] < 1e-5 and far["gradient"] < 1e-4
    assert abs(far["loss_of_trl"] - 0.693147) > 1e-4  # or the policy would be the reference


def test_trl_computes_in_the_type_it_would_train_in(bench: Bench, step: Step) -> None:
    player = step.config.defender.model_copy(update={"dtype": "bfloat16"})
    peer = TrlPlayer(player, bench.folder(), 0.1, 0.0)
    adapters = [each for name, each in peer.model.named_modules() if name.endswith("A.default")]
    seen = []
    for each in adapters:  # float32, so without autocast their products would be
        each.register_forward_hook(lambda _module, _args, out: seen.append(out.dtype))
    peer.step(step.pairs(Role.DEFENDER)[:1])
    assert set(seen) == {torch.bfloat16} and len(seen) == len(adapters)


def test_a_shared_prompt_is_forwarded_once_and_nothing_is_padded(bench: Bench, step: Step) -> None:
    player, pairs = step.config.defender, step.pairs(Role.DEFENDER)
    learner = LocalLearner(step.weights[Role.DEFENDER], player.learn, total_updates=9)
    forwarded = learner.update(pairs).cost.trained_tokens
    sides = [side for pair in pairs for side in (pair.chosen, pair.rejected)]
    apart = {(one.prompt_ids, one.token_ids) for one in sides}
    alone = sum(len(prompt) + len(reply) - 1 for prompt, reply in apart)
    shared = sum(map(len, {prompt for prompt, _ in apart})) + sum(len(r) - 1 for _, r in apart)
    assert forwarded <= shared < alone
    theirs = TrlPlayer(player, bench.folder(), 0.1, 0.0).step(pairs)
    assert theirs.tokens >= sum(len(one.prompt_ids) + len(one.token_ids) for one in sides)


def test_generate_draws_what_is_asked_and_agrees_when_greedy(step: Step) -> None:
    weights = step.weights[Role.DEFENDER]
    requests = step.requests[Role.DEFENDER]
    with weights.use("sampler") as model:
        drawn = GenerateSampler(model, weights.tokenizer, 256).draw(requests)
    for request, rows in zip(requests, drawn, strict=True):
        assert len(rows) == len(request.seeds)
        for one in rows:
            assert 0 < len(one.token_ids) <= request.sampling.max_new_tokens
    ours = asyncio.run(step.sampler(Role.DEFENDER).sample(requests))
    for mine, theirs in zip(ours, drawn, strict=True):
        assert mine[0].prompt_ids == theirs[0].prompt_ids
    found = rollouts.check(step, "float32")
    assert found["logprob"] < 1e-4 and found["greedy_tokens_equal"] == 1.0


def test_decoding_has_as_many_rows_as_asked(step: Step) -> None:
    assert 0 < step.describe()["defender"]["replies"] <= decode.rows_of(step.config)
    wave = decode._wave(step, 37)
    assert sum(len(group.rows) for group in wave) == 37


def test_every_row_finds_the_first_weights(bench: Bench, step: Step) -> None:
    weights = step.weights[Role.DEFENDER]
    LocalLearner(weights, step.config.defender.learn, total_updates=9).update(
        step.pairs(Role.DEFENDER)
    )
    first, moved = (weights.tensors(name) for name in ("start", "policy"))
    assert any((first[name] != moved[name]).any() for name in first)
    assert bench.step() is step
    assert all(torch.equal(first[name], moved[name]) for name in first)


def test_what_was_recorded_is_the_reference_and_saves_its_pass(bench: Bench) -> None:
    row = recorded.measure(bench)
    assert row.correctness["largest_difference"] < 1e-4
    assert row.detail["flop"]["recorded"] < row.detail["flop"]["passed"]


def test_both_arms_play_and_learn_the_same_step(bench: Bench, step: Step) -> None:
    row = whole_step.measure(bench)
    assert row.correctness["same_tree"] and row.correctness["largest_difference"] < 1e-4
    assert row.ratio.repeats == 1
    drawn = sum(row.detail["generate_tokens"].values())  # in full, though replaced
    assert drawn >= sum(len(one) for role in Role for one in step.drawn[role])


def test_products_are_counted_with_their_operations() -> None:
    a, b = torch.ones(3, 4, requires_grad=True), torch.ones(5, 4)
    with Products() as products:
        torch.nn.functional.linear(a, b).sum().backward()
    assert sorted(tuple(x.shape + y.shape) for x, y in products.counts) == [
        (3, 4, 4, 5),
        (3, 5, 5, 4),
    ]
    assert products.flops == 2 * (2 * 3 * 4 * 5)
    assert products.bytes == 4 * ((12 + 20) + (15 + 20))
    assert products.seconds(enough=1e-5) > 0


def test_the_driver_plays_every_episode() -> None:
    spent = driver.step(20)  # asserts moves, examples and lines by itself
    assert set(spent) == {*driver.STAGES, "all"}


def test_the_picture_is_svg_with_a_mark_a_point() -> None:
    run = {"cpu": "A & B <CPU>", "threads": 1}
    points = [{"rows": n, "flop_per_byte": n, "gflop_per_s": 10 * n} for n in (1, 8)]
    detail = {"gemm_gflop_per_s": 400, "read_gb_per_s": 30, "dtype": "bfloat16", "points": points}
    root = ElementTree.fromstring(
        picture({"rows": [{"name": "decode", "detail": detail, "run": run}]})
    )
    assert len(root.findall("{*}circle")) == 2
