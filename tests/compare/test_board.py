"""Runs side by side, from folders alone."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import call, told
from fake_run import write_fake_run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from advgame.compare.board import _MOST_POINTS, OVER_REFUSAL, SAFETY, _front, _run, board, named
from advgame.compare.fronts import front
from advgame.compare.table import tables, transcripts
from advgame.errors import ConfigError
from advgame.report.compared import _trade_offs, page_of
from advgame.report.comparison import build_comparison
from advgame.report.judged import judged
from advgame.store.reader import RunReader, open_readonly

FLATTERED = "Measured by the judge embedded b, which trained second: its rates of them may flatter."


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    first = write_fake_run(folder / "first", steps=6, validations=3, questions=12)
    second = write_fake_run(folder / "second", steps=4, validations=3, questions=12, summary=False)
    evals = first / "evals"
    evals.mkdir()
    task = {"counts": "accuracy", "value": 0.5, "low": 0.4, "high": 0.6, "n": 32}
    safety = {**task, "counts": "attack_success"}
    report = {"role": "defender", "step": 6, "tasks": {"openbookqa": task, "harmbench": safety}}
    (evals / "quick.json").write_text(json.dumps(report))
    fewer = {**report, "tasks": {"openbookqa": {**task, "value": 0.9, "n": 8}}}
    (evals / "some.json").write_text(json.dumps(fewer))  # the same checkpoint on fewer items
    (evals / "other.json").write_text("[1]")
    return [first, second]


def test_a_board_holds_what_the_folders_hold(runs: list[Path]) -> None:
    report = board(runs)
    first, second = report["runs"]["first"], report["runs"]["second"]
    assert (first["steps"], first["finished"], second["finished"]) == (6, True, False)
    assert first["curves"]["tokens"] == [6_000 * (step + 1) for step in range(6)]
    assert [row["step"] for row in first["validation"]] == [0, 3, 6]
    assert [row["tokens"] for row in first["validation"]] == [0, 18_000, 36_000]
    assert first["cost"]["sampled_tokens"] == 24_000
    assert report["utility"] == [
        {"run": "first", "step": 6, "task": "openbookqa"}
        | {"weights": None, "value": 0.5, "low": 0.4, "high": 0.6, "n": 32}
    ]
    assert report["config"] == {"train.steps": {"first": 6, "second": 4}}  # names apart
    json.dumps(report, allow_nan=False)


def test_who_measured_and_whom_that_judge_taught_is_said(runs: list[Path], tmp_path: Path) -> None:
    second = shutil.copytree(runs[1], tmp_path / "second")
    config = yaml.safe_load((second / "config.yaml").read_text())
    for role in ("defender", "evaluation"):  # the judge that trains measures too
        config["judges"][role] = {"type": "embedded", "name": "b"}
    (second / "config.yaml").write_text(yaml.safe_dump(config))
    both = board([runs[0], second])
    assert both["runs"]["second"]["judge"] == {"by": "embedded b", "taught": ["embedded b"]}
    told = page_of(both)["findings"][0]
    assert told == next(line for line in tables(both) if isinstance(line, str))
    assert told == FLATTERED
    config["judges"]["evaluation"] = {"type": "embedded", "name": "a"}
    (second / "config.yaml").write_text(yaml.safe_dump(config))
    apart = {**board([runs[0], second]), "cross_play": {"seeds": 3}}
    assert list(judged(apart)) == [
        "Measured by different judges (first by embedded b, second by embedded a): these rates "
        "cannot be compared.",
        FLATTERED,
        "Measured by the judge embedded a.",
        "All cross-play was judged by embedded b, the first run's.",
    ]
    alone = board([runs[0]])
    assert list(judged(alone)) == ["Measured by the judge embedded b."]
    del alone["runs"]["first"]["judge"]  # as an earlier version wrote it
    assert list(judged(alone)) == []


def test_the_same_questions_stand_side_by_side_changed_ones_first(runs: list[Path]) -> None:
    rows = board(runs)["transcripts"]
    assert {row["mode"] for row in rows} == {"direct", "attacked"}
    for mode in ("direct", "attacked"):
        for kind in ("harmful", "benign"):
            told = [
                len({each["success"] for each in row["answers"].values()})
                for row in rows
                if (row["mode"], row["kind"]) == (mode, kind)
            ]
            assert told == sorted(told, reverse=True)
            assert len(told) == 12
    assert all(list(row["answers"]) == ["first", "second"] for row in rows)


def test_differences_are_paired_by_question(runs: list[Path], tmp_path: Path) -> None:
    third = shutil.copytree(runs[0], tmp_path / "third")
    last = third / "validation/step-000006.json"
    report = json.loads(last.read_text())
    asked = [
        row for row in report["transcripts"] if (row["mode"], row["kind"]) == ("direct", "harmful")
    ]
    scored = [row for row in asked if row["success"] is not None]
    for row in scored:
        row["success"] = not row["success"]
    report["transcripts"].reverse()  # their order tells nothing
    asked[0]["seed"] = "another question under the same name"
    report["transcripts"] = [row for row in report["transcripts"] if row["mode"] == "direct"]
    last.write_text(json.dumps(report))
    found = {each["metric"]: each for each in board([runs[0], third])["differences"]}
    assert list(found) == [
        "direct/harmful/attack_success", "direct/benign/over_refusal",
        "attacked/harmful/attack_success", "attacked/benign/over_refusal",
    ]  # fmt: skip
    moved = found["direct/harmful/attack_success"]
    gains = [1 if row["success"] else -1 for row in scored if row is not asked[0]]
    assert (moved["first"], moved["second"], moved["n"]) == ("first", "third", len(gains))
    assert moved["value"] == pytest.approx(sum(gains) / len(gains)) and moved["because"] == ""
    same = found["direct/benign/over_refusal"]
    assert same["value"] == 0 and same["low"] < 0 < same["high"]
    missing = found["attacked/harmful/attack_success"]
    assert (missing["value"], missing["n"]) == (None, 0)
    assert missing["because"] == "no question of this kind in common"
    assert board([runs[0]])["differences"] == []


def test_no_run_is_beaten_by_another_judges_word() -> None:
    def point(run: str, value: float) -> dict[str, Any]:
        names = ("direct/harmful/attack_success", OVER_REFUSAL)
        return {"run": run, "rates": {name: {"value": value} for name in names}}

    points = [point("x", 0.5), point("y", 0.2), point("x", 0.4), point("y", 0.3)]
    for judges, expected in (("aa", [1]), ("ab", [1, 2])):
        runs = {run: {"judge": {"by": by}} for run, by in zip("xy", judges, strict=True)}
        assert _front(points, runs, "direct/harmful/attack_success") == expected


def test_rates_by_two_judges_are_no_trade_off() -> None:
    rates = {name: {"value": 0.5} for name in (*SAFETY.values(), OVER_REFUSAL)}
    points = [{"run": run, "step": 1, "rates": rates} for run in "xyz"]
    runs = {run: {"judge": {"by": by}} for run, by in zip("xyz", "aba", strict=True)}
    plots = list(_trade_offs({"runs": runs, "pareto": {"points": points}}))
    told = {plot["title"].rpartition(", ")[2]: [p["run"] for p in plot["points"]] for plot in plots}
    assert told == {"judge a": ["x", "z"], "judge b": ["y"]}


def test_runs_of_different_judges_are_not_subtracted(runs: list[Path], tmp_path: Path) -> None:
    other = shutil.copytree(runs[0], tmp_path / "third")
    config = yaml.safe_load((other / "config.yaml").read_text())
    config["judges"]["evaluation"] = {"type": "embedded", "name": "a"}
    config["judges"]["attacker"] = config["judges"]["defender"] = {"type": "embedded", "name": "b"}
    (other / "config.yaml").write_text(yaml.safe_dump(config))
    found = board([runs[0], other])["differences"]
    assert {each["because"] for each in found} == {"evaluated by different judges"}
    assert {each["value"] for each in found} == {None}
    assert "evaluated by different judges" in printed(board([runs[0], other]))


def evaluation(run: Path, step: int, weights: str, **rates: tuple[float, int]) -> None:
    """What `advgame eval` might leave: TASK=(value, n)."""
    tasks = {
        name: {
            "counts": "accuracy" if name == "openbookqa" else "attack_success",
            "attempts": 4 if name == "harmbench" and n == 99 else 1,
            "value": value, "low": value / 2, "high": value, "n": n,
        }
        for name, (value, n) in rates.items()
    }  # fmt: skip
    report = {"role": "defender", "step": step, "weights": weights, "judge": "b", "tasks": tasks}
    (run / "evals").mkdir(exist_ok=True)
    name = f"{'+'.join(rates)}-{step}-{weights}-{rates[next(iter(rates))][1]}.json"
    (run / "evals" / name).write_text(json.dumps(report))


def test_safety_and_utility_are_those_of_the_same_weights(runs: list[Path], tmp_path: Path) -> None:
    run = shutil.copytree(runs[1], tmp_path / "third")
    evaluation(run, 0, "start", harmbench=(0.9, 32), openbookqa=(0.5, 32))
    evaluation(run, 3, "ema", harmbench=(0.4, 32), openbookqa=(0.4, 32))
    evaluation(run, 3, "policy", harmbench=(0.0, 32))  # of other weights, no utility is known
    evaluation(run, 4, "ema", openbookqa=(0.3, 32))
    evaluation(run, 4, "ema", harmbench=(0.6, 32))  # from another report: the same checkpoint
    report = board([run])
    (pair,) = report["trade_offs"]
    told = [(p["step"], p["weights"], p["safety"]["value"], p["utility"]["value"])
            for p in pair["points"]]  # fmt: skip
    assert told == [(0, "start", 0.9, 0.5), (3, "ema", 0.4, 0.4), (4, "ema", 0.6, 0.3)]
    assert (pair["safety"], pair["utility"], pair["front"]) == ("harmbench", "openbookqa", [0, 1])
    page = page_of(report)
    titles = [plot["title"] for plot in page["trade_offs"]]
    assert titles[-1] == "harmbench and openbookqa"
    assert "Attack success and openbookqa" not in titles and "trade_offs_title" not in page
    text = build_comparison(page, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Safety against utility" in text and "third step 3, ema" in text
    shown = printed(report)
    assert "third@0, third@3 ema" in shown and "eval: accuracy (95%)" in shown
    assert "No utility was measured" not in shown
    evaluation(run, 4, "ema", harmbench=(0.7, 99))  # in four attempts: another measure
    both = {pair["safety"] for pair in board([run])["trade_offs"]}
    assert both == {"harmbench, 1 attempt, judge b", "harmbench, 4 attempts, judge b"}


def test_a_rate_by_the_judge_that_trained_a_run_is_another_task(
    runs: list[Path], tmp_path: Path
) -> None:
    run = shutil.copytree(runs[1], tmp_path / "third")
    evaluation(run, 3, "ema", harmbench=(0.4, 32), openbookqa=(0.4, 32))
    evaluation(run, 4, "ema", harmbench=(0.1, 32), openbookqa=(0.3, 32))
    path = next((run / "evals").glob("harmbench*-4-*.json"))
    path.write_text(
        json.dumps(
            {**json.loads(path.read_bytes()), "judge_trained_this_run": True, "trained_by": ["b"]}
        )
    )
    told = {p["safety"]: [each["step"] for each in p["points"]] for p in board([run])["trade_offs"]}
    assert told == {"harmbench": [3], "harmbench, by the judge that trained the Defender": [4]}


def test_a_page_of_many_tasks_shows_some_and_says_so() -> None:
    rate = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 32}
    point = {"run": "a", "step": 1, "weights": "ema", "safety": rate, "utility": rate}
    pairs = [
        {"safety": f"s{n}", "utility": f"u{n}", "points": [point], "front": [0]} for n in range(30)
    ]
    page = page_of({"runs": {}, "trade_offs": pairs, "transcripts": []})
    assert len(page["trade_offs"]) == 24 and "The first 24 pairs" in page["trade_offs_note"]


def test_without_utility_nothing_promises_it(runs: list[Path], tmp_path: Path) -> None:
    report = board([runs[1]])
    page = build_comparison(page_of(report), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h2>Safety against over-refusal</h2>" in page and "against utility" not in page
    assert page.count("advgame eval RUN --every-checkpoint") == 1
    assert "advgame eval RUN --every-checkpoint" in printed(report)


def test_a_cross_play_of_seven_fits_80_columns(runs: list[Path]) -> None:
    names = [f"laptop-{run}@{step}" for run in (0, 1) for step in (20, 60, 100)] + ["joint-0@42"]
    cell = {"value": 0.225, "low": 0.1, "high": 0.4, "n": 40, "unscored": 0}
    played = {"seeds": 40, "attackers": names, "defenders": names, "cells": [[cell] * 7] * 7}
    text = printed({**board(runs), "cross_play": {**played, "cycling": {}}}, width=80)
    matrix = text[text.index("Cross-play") :].splitlines()
    assert all(any(line.startswith(f"│ {name} ") for line in matrix) for name in names)
    assert "3 laptop-0@100" in text.replace("\n", " ")
    assert max(map(len, matrix)) <= 80


def printed(report: dict[str, Any], width: int = 140) -> str:
    """What the terminal shows of it."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in (*tables(report), *transcripts(report)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_it_and_hostile_text_stays_text(runs: list[Path]) -> None:
    text = printed(board(runs))
    for word in ("first", "second", "Checkpoints", "own Attacker", "4 …", "Minus first"):
        assert word in text
    assert not any(character in text for character in "\x1b\u202e\u2028")


def test_the_page_says_where_configurations_differ(runs: list[Path], tmp_path: Path) -> None:
    other = shutil.copytree(runs[1], tmp_path / "third")
    text = (other / "config.yaml").read_text()
    changed = yaml.safe_load(text)
    changed["train"]["lag"] = 1
    changed["attacker"]["adapter"] = None
    (other / "config.yaml").write_text(yaml.safe_dump(changed))
    report = board([runs[0], other])
    assert report["config"]["train.lag"] == {"first": 0, "third": 1}
    assert report["config"]["attacker.adapter"] == {"third": None}
    rows = {row["key"]: row["values"] for row in page_of(report)["config"]}
    assert rows.keys() == report["config"].keys()
    page = build_comparison(page_of(report), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "train.lag" in page and "schedule.type" not in page


def test_the_command_writes_its_page_beside_its_report(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("compare", *map(str, runs), "--out")
    assert call(*line, str(tmp_path / "both.json")) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "both.html")
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "first against second" in page and "Runs and their cost" in page
    assert "<script>window.pwned" not in page
    assert call(*line, str(tmp_path / "data.json"), "--json") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads((tmp_path / "data.json").read_text())
    assert len(printed.splitlines()) == 1 and (tmp_path / "data.html").exists()
    assert call(*line, str(tmp_path / "page.html")) == 2
    assert "name a .json file" in told(capsys.readouterr().err)
    assert not (tmp_path / "page.html").exists()


points = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=0, max_size=12
)


@given(points)
def test_a_front_is_what_nobody_beats(values: list[tuple[int, int, bool]]) -> None:
    made: list[Any] = [
        {"rates": {"a": {"value": a / 4 if known else None}, OVER_REFUSAL: {"value": b / 4}}}
        for a, b, known in values
    ]
    on = set(front(made, "a", OVER_REFUSAL))
    known = {place: (a, b) for place, (a, b, there) in enumerate(values) if there}
    assert on <= known.keys()
    for place, (a, b) in known.items():
        beaten = any(c <= a and d <= b and (c < a or d < b) for c, d in known.values())
        assert (place in on) != beaten


@pytest.mark.parametrize("steps", [1, 7, 400, 799])
def test_a_curve_ends_where_its_run_does(
    steps: int, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [{"step": n, "time": {}} for n in range(steps)]
    monkeypatch.setattr(RunReader, "metrics", lambda self: lines)
    drawn = _run(open_readonly(runs[0]))["curves"]["step"]
    assert drawn[-1] == steps - 1 and drawn[0] == 0
    assert len(drawn) == len(set(drawn)) <= _MOST_POINTS + 1


def test_runs_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "a/run", tmp_path / "b/run"]
    assert list(named(paths)) == [str(path) for path in paths]
    with pytest.raises(ConfigError, match="named twice"):
        named([paths[0], paths[0]])
    with pytest.raises(ConfigError, match="at least one"):
        named([])


def test_runs_of_prompt_injection_refuse_no_request(runs: list[Path]) -> None:
    """Their benign seeds are tasks over documents: what is lost is the task."""

    def words(scenes: tuple[bool, bool]) -> tuple[str, str]:
        report = board(runs)
        for run, plays in zip(report["runs"].values(), scenes, strict=True):
            run["scenes"] = plays
        console = Console(file=io.StringIO(), width=200)
        for table in tables(report):
            console.print(table)
        assert isinstance(console.file, io.StringIO)
        return json.dumps(page_of(report)), console.file.getvalue()

    assert not any(run["scenes"] for run in board(runs)["runs"].values())
    for text in words((True, True)):
        assert "efusal" not in text
        assert "task not done" in text
        assert "Task not done" in text
    for text in words((False, False)):
        assert "not done" not in text
    page, printed = words((True, False))
    assert "first, after 6 steps" in page
    assert "over-refusal or task not done" in page
    assert "over-refusal or task not done" in printed
