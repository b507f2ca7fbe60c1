"""The live view, the log and the ending: they fit, they are inert, they tell what happened."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_run import write_fake_run
from rich.cells import cell_len
from rich.console import Console

from advgame.cli.ending import show_ending
from advgame.cli.live import Screen, State, watch
from advgame.cli.said import clip, quotes
from advgame.cli.words import duration, share, trend
from advgame.events import Event, Phase, RunStarted, Saved, StepDone, Validated
from advgame.numbers import rate
from advgame.store.episodes import from_line
from advgame.types import Kind

STEPS = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live") / "run"
    return write_fake_run(folder, steps=STEPS, seeds=4, questions=12)


def events(run: Path) -> Iterator[Event]:
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    yield RunStarted(run, 0, STEPS, ("device cpu",))
    for step in range(STEPS):
        validation = run / "validation" / f"step-{step:06d}.json"
        if validation.exists():
            yield Validated(step, json.loads(validation.read_text()))
        yield Phase(step, "attack")
        lines = (run / "episodes" / f"step-{step:06d}.jsonl").read_text().splitlines()
        yield StepDone(step, metrics[step], [from_line(line) for line in lines])
        yield Saved(step + 1, run)


def console() -> Console:
    return Console(file=io.StringIO(), width=80, highlight=False)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def inert(text: str) -> bool:
    return not any(c in text for c in "\x1b\u202e\u202c\u2028\ud800")


def test_screen_fits_and_tells(run: Path) -> None:
    state, screen = State(), console()
    for event in events(run):
        state.take(event)
        screen.print(Screen(state))  # at every moment, not only at the end
    text = printed(screen)
    assert inert(text)
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "before step 0" in text  # the first rates are of the start
    last = text[text.rindex("Step 4/4") :]
    for told in ("This step", "Defender  harmful, attacked", "Held-out questions", "Attacker"):
        assert told in last
    assert len(last.splitlines()) <= 30


def test_time_left_is_told_by_the_pace_of_this_process(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr("advgame.cli.live.time", clock)
    state, screen = State(), console()
    with watch(log := console()) as observe:
        for event in events(run):
            if isinstance(event, RunStarted):
                event = RunStarted(run, 4, 8, ())  # goes on after four of eight steps
            elif isinstance(event, StepDone):
                clock.now += 30.0
                event = StepDone(event.step + 4, event.metrics, event.episodes)
            for observer in (state.take, observe):
                observer(event)
            screen.print(Screen(state))
    gone = [*dict.fromkeys(re.findall(r"(\S+) gone, (\S+) left", printed(screen)))]
    assert gone == [
        ("0:00", "–"), ("0:30", "1:30"), ("1:00", "1:00"), ("1:30", "0:30"), ("2:00", "0:00"),
    ]  # fmt: skip
    assert re.findall(r"step (\d)/8  (\S+) left", printed(log)) == [
        ("5", "1:30"), ("6", "1:00"), ("7", "0:30"), ("8", "0:00"),
    ]  # fmt: skip


def test_a_budget_is_what_progress_is_measured_by(run: Path) -> None:
    state = State()
    for event in events(run):
        if isinstance(event, RunStarted):
            event = RunStarted(run, 0, 99, (), budget=48_000)
        state.take(event)
        if isinstance(event, StepDone) and event.step == 1:
            assert state.place == "2 (25% of the run)"  # the fake run spends 6,000 a step
    assert state.place == "4 (50% of the run)"


def test_steps_may_end_a_run_before_its_budget(run: Path) -> None:
    state, screen = State(), console()
    with watch(screen) as observe:
        for event in events(run):
            if isinstance(event, RunStarted):
                event = RunStarted(run, 0, STEPS, (), budget=10**9)
            state.take(event)
            observe(event)
    assert state.place == "4 (100% of the run)" and state.left == "0:00"
    assert "steps 0 to 4 or the end of the budget" in printed(screen)


def test_log_has_a_line_a_step(run: Path) -> None:
    screen = console()
    with watch(screen) as observe:
        for event in events(run):
            observe(event)
    text = printed(screen)
    assert inert(text)
    told = [line.split()[1] for line in text.splitlines() if line.startswith("step ")]
    assert told == [f"{number}/{STEPS}" for number in range(1, STEPS + 1)]
    assert "held-out before step 0" in text


def test_live_screen_is_put_away_after_an_interrupt(run: Path) -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    with pytest.raises(KeyboardInterrupt), watch(screen) as observe:
        observe(next(events(run)))
        raise KeyboardInterrupt
    assert printed(screen).endswith("\x1b[?25h")  # the cursor is back


def test_ending(run: Path) -> None:
    screen = console()
    show_ending(run, run / "report.html", screen)
    text = printed(screen)
    assert inert(text)
    table = text[: text.index("steps in")]
    assert max(cell_len(line) for line in table.splitlines()) <= 80
    for told in ("before", "after", "change in points", "The same questions", "advgame view"):
        assert told in text


def test_ending_of_a_run_without_validation(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "bare", steps=1, seeds=1, validations=0)
    screen = console()
    show_ending(run, run / "report.html", screen)
    assert "Report  " in printed(screen)
    assert "The same questions" not in printed(screen)


def test_quotes_are_one_of_each_kind_attacked_first(run: Path) -> None:
    lines = (run / "episodes" / "step-000001.jsonl").read_text().splitlines()
    found = quotes([from_line(line) for line in lines])
    assert [quote.kind for quote in found] == [Kind.HARMFUL, Kind.BENIGN]
    assert quotes([]) == []


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [
        ("short", 10, "short"),
        ("exactly10!", 10, "exactly10!"),
        ("more than ten", 10, "more than…"),
        ("two\nlines\tand  blanks", 40, "two lines and blanks"),
        ("\x1b[31mred\x1b[0m", 10, "red"),
        ("日本語日本語", 6, "日本…"),
        ("", 5, ""),
    ],
)
def test_clip(text: str, cells: int, expected: str) -> None:
    assert clip(text, cells).replace(" …", "…") == expected
    assert cell_len(clip(text, cells)) <= cells


def test_numbers() -> None:
    assert (duration(42), duration(725), duration(7390)) == ("0:42", "12:05", "2:03:10")
    assert rate({"value": 0.31, "low": 0.2, "high": 0.44}) == "31% (20–44)"
    assert (rate(None), rate({"value": None}), share(None)) == ("–", "–", "–")
    assert trend([1.0, None, 2.0, 3.0]) == "▁▅█"
    assert (trend([1.0]), trend([2.0, 2.0])) == ("", "▄▄")
