"""The command line: arguments, what is expected, what goes wrong."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_run import write_fake_run

from advgame import cli
from advgame.cli.train import run_folder
from advgame.config import dump, load
from advgame.errors import AssetError
from advgame.events import RunStarted

Captured = pytest.CaptureFixture[str]


def call(*arguments: str) -> int:
    """Run a command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return int(caught.value.code or 0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--version", "advgame 0.1.0"),
        ("--help", "jointly and online"),
        ("train --help", "runs/PRESET-N"),
        ("train -h", "--resume"),
        ("presets", "paper/qwen2.5-7b-dpo-md"),
        ("config show tiny", "tiny-random"),
        ("config show tiny train.steps=5", "steps: 5"),
        ("config explain train.steps", "train.steps: integer = default 100"),
        ("train tiny --dry-run", "tiny: joint, 12 steps"),
        ("train paper/llama3.1-8b-dpo-md --dry-run", "8.03 B parameters"),
        ("assets list", "smollm2-135m-instruct"),
    ],
)
def test_prints(line: str, expected: str, capsys: Captured) -> None:
    assert call(*line.split()) == 0
    out = capsys.readouterr().out
    assert expected in out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train dmeo", "advgame: dmeo: no such preset or file; did you mean demo?"),
        ("train absent.yaml", "absent.yaml: no such configuration file"),
        ("train tiny train.stepz=5", "unknown key train.stepz; did you mean train.steps?"),
        ("train tiny train.steps=0", "train.steps = 0: should be greater than or equal to 1"),
        ("train tiny --dry-run nonsense", "expected key=value"),
        ("config show tiny seed=x", 'seed = "x": should be a valid integer'),
        ("config explain nope", "unknown key nope"),
        ("report nowhere", "nowhere"),
        ("view nowhere", "nowhere"),
        ("play nowhere", "nowhere: no such preset or file"),
        ("assets pull smollm", "no asset is named 'smollm'"),
        ("export nowhere out --role defender", "nowhere"),
    ],
)
def test_refuses_in_a_few_lines(line: str, expected: str, capsys: Captured, tmp_path: Path) -> None:
    assert call(*line.split()) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert err.startswith("advgame: ")
    assert len(err.splitlines()) <= 4
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line",
    [
        "trian",
        "train",
        "train tiny --stps 3",
        "export a b --role nobody",
        "play tiny --draw -1",
    ],
)
def test_usage_errors_exit_2(line: str, capsys: Captured) -> None:
    assert call(*line.split()) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_anywhere_keeps_the_traceback(place: int) -> None:
    line = ["train", "tiny", "nope=1"]
    line.insert(place, "--debug")
    with pytest.raises(cli.AdvGameError):
        cli.main(line)


def test_bare_command_shows_help(capsys: Captured) -> None:
    assert call() == 2
    told = capsys.readouterr()
    assert "Usage" in told.out + told.err


def test_schema(capsys: Captured) -> None:
    assert call("config", "schema") == 0
    assert "train" in json.loads(capsys.readouterr().out)["properties"]


def test_show_reproduces(capsys: Captured, tmp_path: Path) -> None:
    assert call("config", "show", "laptop", "attacker.learn.lr=1e-4") == 0
    (tmp_path / "copy.yaml").write_text(capsys.readouterr().out)
    assert load("copy.yaml") == load("laptop", ["attacker.learn.lr=1e-4"])


def test_report_prints_its_path(capsys: Captured, tmp_path: Path) -> None:
    write_fake_run(tmp_path / "run", steps=2, seeds=1, questions=8)
    assert call("report", "run") == 0
    assert capsys.readouterr().out.strip() == "run/report.html"


def test_run_folder_takes_the_next_free_number(tmp_path: Path) -> None:
    assert run_folder("demo", resume=False) == Path("runs/demo-1")
    assert run_folder("demo", resume=True) == Path("runs/demo-1")
    for name in ("demo-1", "demo-7", "demo-x", "demo-other-9"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert run_folder("demo", resume=False) == Path("runs/demo-8")
    assert run_folder("demo", resume=True) == Path("runs/demo-7")


def _train(monkeypatch: pytest.MonkeyPatch, behaviour: Any) -> None:
    monkeypatch.setitem(sys.modules, "advgame.train", SimpleNamespace(train=behaviour))


def test_train_passes_everything_on_and_shows_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    def fake(config: Any, out: Path, **rest: Any) -> dict[str, Any]:
        seen.update(rest, config=config, out=out)
        rest["observer"](RunStarted(out, 0, 2, ("a note",)))
        write_fake_run(out, steps=2, seeds=1, questions=8)
        return {}

    _train(monkeypatch, fake)
    assert call("train", "tiny", "seed=3", "--from", "other@5", "--resume") == 0
    assert seen["out"] == Path("runs/tiny-1")
    assert (seen["fork"], seen["resume"], seen["config"].seed) == ("other@5", True, 3)
    out = capsys.readouterr().out
    assert "a note" in out
    assert "Report  runs/tiny-1/report.html" in out
    assert (tmp_path / "runs/tiny-1/report.html").is_file()


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    _train(monkeypatch, stopped)
    assert call("train", "tiny", "name=a b", "--out", "my run") == 130
    err = capsys.readouterr().err
    assert "advgame train tiny 'name=a b' --out 'my run' --resume" in err
    assert "Traceback" not in err


def test_a_stopped_fork_is_still_told_to_be_one(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    _train(monkeypatch, stopped)
    monkeypatch.setattr("advgame.store.reader.open_readonly", lambda *_: None)
    line = ["train", "tiny", "--from", "old@3", "--fresh", "attacker", "--out", "new"]
    assert call(*line) == 130
    assert "--out new --resume --from old@3 --fresh attacker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--out full", "full is not empty"),
        ("--out full --resume", "full is not a run folder"),
        ("--out full/file", "full/file is a file"),
        ("--out new --from full", "full is not a run folder"),
    ],
)
def test_a_folder_is_refused_before_torch_is_imported(
    line: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "advgame.train", None)  # to import it would fail
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    assert call("train", "tiny", *line.split()) == 2
    assert told in capsys.readouterr().err


def test_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x/metrics.jsonl")

    _train(monkeypatch, full)
    assert call("train", "tiny") == 2
    assert capsys.readouterr().err == "advgame: runs/x/metrics.jsonl: No space left on device\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    _train(monkeypatch, broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["train", "tiny"])


def test_hostile_text_in_an_error_is_inert(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def hostile(*_: Any, **__: Any) -> None:
        raise AssetError("\x1b]0;owned\x07 \x1b[2J name \u202e")

    _train(monkeypatch, hostile)
    assert call("train", "tiny") == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err


def run(line: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from advgame.cli import main; main()", *line],
        text=True, check=False, **options,
    )  # fmt: skip


def test_help_is_quick_and_light() -> None:
    # Three tries: other work on the machine must not fail this.
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = run(["--help"], capture_output=True)
        times.append(time.perf_counter() - start)
        assert done.returncode == 0
    assert min(times) < 1.0


def test_a_terminal_without_unicode_shows_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1", write_through=True))
    assert call("config", "explain", "defender.learn.objective.beta") == 0
    assert b"\\u03b2: the target gap" in raw.getvalue()


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text(dump(load("laptop")))
    command = f"{sys.executable} -c 'from advgame.cli import main; main()' config schema | head -1"
    done = subprocess.run(command, shell=True, text=True, capture_output=True, check=False)
    assert done.stdout.strip() == "{"
    assert done.stderr == ""
