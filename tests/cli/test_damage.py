"""Run folders that are not what they were, or not what the command needs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command import OPTIONS, call, files, intact, start, told

from advgame.config import load
from advgame.train import train

Captured = pytest.CaptureFixture[str]
RUN = Path("run")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(load("tiny", OPTIONS), out)
    return out


@pytest.fixture
def run(whole: Path, here: Path) -> Path:
    shutil.copytree(whole, RUN)
    return RUN


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def garble(path: Path) -> None:
    path.write_bytes(b"\xff{]")


HARM: list[tuple[Callable[[Path], None], str, str]] = [
    (cut, "defender/policy.safetensors", "is torn"),
    (flip, "attacker/optimizer.safetensors", "is altered"),
    (Path.unlink, "defender/ema.safetensors", "is incomplete"),
    (cut, "manifest.json", "is torn or altered"),
    (flip, "driver/driver.json", "is altered"),
    (garble, "manifest.json", "is torn or altered"),
    (Path.unlink, "manifest.json", "is incomplete"),
]


@pytest.mark.parametrize(("harm", "file", "expected"), HARM)
def test_a_damaged_checkpoint_is_named_and_skipped(
    harm: Callable[[Path], None], file: str, expected: str, run: Path, whole: Path, capsys: Captured
) -> None:
    newest = run / "checkpoints" / "step-000002"
    harm(newest / file)
    assert start("--resume") == 0
    out = capsys.readouterr().out
    assert "skipped a checkpoint: run/checkpoints/step-000002" in out
    assert expected in out
    assert "run: steps 1 to 2" in out
    for path in (whole / "checkpoints" / "step-000002").rglob("*.safetensors"):
        same = newest / path.relative_to(whole / "checkpoints" / "step-000002")
        assert same.read_bytes() == path.read_bytes()


def test_without_a_whole_checkpoint_it_starts_anew(run: Path, capsys: Captured) -> None:
    for manifest in run.glob("checkpoints/*/manifest.json"):
        garble(manifest)
    assert start("--resume") == 0
    out = capsys.readouterr().out
    assert out.count("skipped a checkpoint") == 2
    assert "run: steps 0 to 2" in out
    intact(run, 2)


def test_readers_say_which_checkpoint_they_took(
    run: Path, capsys: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    cut(run / "checkpoints" / "step-000002" / "manifest.json")
    assert call("export", "run", "out", "--role", "defender") == 0
    assert "skipped a checkpoint" in caplog.text
    assert "taking step 1" in caplog.text
    assert call("export", "run", "out2", "--role", "defender", "--step", "2") == 2
    assert "is torn or altered" in told(capsys.readouterr().err)
    assert not Path("out2").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "train tiny seed=4 --out run --resume",
            "another configuration: seed (0 → 4)",
        ),
        ("train tiny train.steps=1 --out run --resume", "may grow on resuming but not shrink"),
        ("train tiny --out run", "run is not empty: continue it with --resume"),
        ("train tiny --out run --from run", "run is not empty"),
        ("train tiny --out fork --from run@7", "run has no checkpoint '7'; steps with one: 1, 2"),
        ("train tiny --out fork --from run@best", "keeps no best checkpoint"),
        ("train tiny --out fork --from run@x", "write RUN, RUN@120 or RUN@best"),
        ("train tiny attacker.adapter.rank=2 --out fork --from run", "weights do not fit"),
        ("train tiny attacker.adapter=null --out fork --from run", "weights do not fit"),
        ("train tiny schedule.type=selfplay --out fork --from run", "has no part 'shared'"),
        ("export run run --role defender", "run exists: name a new folder"),
        ("export run out --role defender --step 7", "run has no checkpoint '7'"),
        ("export run@7 out --role defender", "run has no checkpoint '7'"),
        ("export run@best out --role defender", "keeps no best checkpoint"),
        ("export run@1 out --role defender --step 2", "both name a checkpoint"),
        ("play run@7", "run has no checkpoint '7'"),
        ("play tiny@7", "tiny is no run folder"),
        ("play run --step 7", "run has no checkpoint '7'"),
        ("measure run@7", "run has no checkpoint '7'"),
        ("train tiny --out file", "file is a file: choose another --out"),
        ("train tiny --out file/run", "cannot write file/run: Not a directory"),
    ],
)
def test_a_run_that_does_not_fit(line: str, expected: str, run: Path, capsys: Captured) -> None:
    Path("file").touch()
    before = files(Path())
    assert call(*line.replace("train tiny", " ".join(["train tiny", *OPTIONS])).split()) == 2
    assert expected in told(capsys.readouterr().err)
    assert files(Path()) == before


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\x00", "is not YAML any more"),
        (b"", "is damaged"),
        (b"train: {stepz: 1}\n", "does not fit this advgame: unknown key train.stepz"),
    ],
)
def test_a_damaged_configuration(
    content: bytes, expected: str, run: Path, capsys: Captured
) -> None:
    (run / "config.yaml").write_bytes(content)
    for line in (["export", "run", "out", "--role", "defender"], ["measure", "run"]):
        assert call(*line) == 2
        assert expected in told(capsys.readouterr().err)
    assert start("--resume") == 2
    assert expected in told(capsys.readouterr().err)


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.jsonl", '{"a": 0}\n'),
        ("metrics.jsonl", '{"step": 0}\n[\n'),
        ("metrics.jsonl", "[" * 100_000 + "\n"),
        ("validation/step-000000.json", "{}"),
        ("validation/step-000000.json", '{"step": 0, "rates": {"direct/harmful": 5}}'),
        ("validation/step-000000.json", "[" * 100_000),
        ("episodes/step-000001.jsonl", '{"seed": "x", "branches": []}\n'),
        ("episodes/step-000001.jsonl", "[" * 100_000 + "\n"),
        ("config.yaml", "judges: 1\n"),
        ("config.yaml", "- a\n"),
        ("config.yaml", ""),
    ],
)
def test_what_reads_a_run_says_that_it_is_damaged(
    file: str, content: str, command: str, run: Path, capsys: Captured
) -> None:
    (run / file).parent.mkdir(exist_ok=True)
    (run / file).write_text(content)
    before = files(run)
    code = call(command, "run")
    if (command, file) == ("compare", "episodes/step-000001.jsonl"):  # which it does not read
        assert code == 0
        return
    assert code == 2
    assert re.search("run.*(damaged|does not fit)", told(capsys.readouterr().err))
    assert files(run) == before


@pytest.mark.parametrize(
    ("file", "lost"),
    [("metrics.jsonl", 0), ("summary.json", 2), ("validation/step-000000.json", 2)],
)
def test_a_report_of_a_damaged_run(file: str, lost: int, run: Path, capsys: Captured) -> None:
    """The report shows what is left, or says which file is damaged."""
    (run / file).parent.mkdir(exist_ok=True)
    (run / file).write_bytes(b"\xff{]")
    code = call("report", "run")
    assert code == lost
    if code:
        assert f"run/{file} is damaged" in told(capsys.readouterr().err)
