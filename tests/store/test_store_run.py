from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tiny_run import STEPS, in_child, make_config, make_episode, run_to_end, state_after, tree

from advgame.config import RunConfig
from advgame.config.judges import JudgesConfig
from advgame.errors import StoreError
from advgame.store import RunFolder, open_readonly
from advgame.store.compatible import check
from advgame.store.reader import _start_of_last, read_lines


@pytest.fixture
def run(tmp_path: Path, finished: Path) -> Path:
    """A finished run that a test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_leaves_a_record_of_every_step(finished: Path) -> None:
    reader = open_readonly(finished)
    assert reader.config == make_config()
    assert [line["step"] for line in reader.metrics()] == list(range(STEPS))
    assert reader.episode_steps() == list(range(STEPS))
    assert reader.episodes(2) == [make_episode(2, 0), make_episode(2, 1)]
    assert [report["step"] for report in reader.validations()] == list(range(STEPS + 1))
    assert reader.summary() == {"state": state_after(STEPS)}
    assert [found.step for found in reader.checkpoints()] == [STEPS]
    assert reader.notes == []


def test_config_yaml_reproduces_the_configuration(tmp_path: Path) -> None:
    config = RunConfig.model_validate(
        {"name": "off: [x]", "attacker": {"learn": {"lr": 1e-6}}, "pool": {"share": 0.5}}
    )
    RunFolder.open(tmp_path / "run", config).close()
    assert open_readonly(tmp_path / "run").config == config


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_process_is_refused(tmp_path: Path, resume: bool) -> None:
    path = tmp_path / "run"

    def second() -> None:
        with pytest.raises(StoreError, match="in use by another process"):
            RunFolder.open(path, make_config(), resume=resume)

    with RunFolder.open(path, make_config()):
        before = tree(path)
        _, status = os.waitpid(in_child(second), 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert tree(path) == before
    RunFolder.open(path, make_config(), resume=True).close()


def test_a_failed_open_releases_the_lock(run: Path) -> None:
    with pytest.raises(StoreError, match="another configuration"):
        RunFolder.open(run, RunConfig(seed=9), resume=True)
    RunFolder.open(run, make_config(), resume=True).close()


def test_a_folder_that_is_not_empty_needs_resume(run: Path) -> None:
    before = tree(run)
    with pytest.raises(StoreError, match=r"not empty.*--resume"):
        RunFolder.open(run, make_config())
    assert tree(run) == before


@pytest.mark.parametrize(("resume", "says"), [(False, "not empty"), (True, "not a run folder")])
def test_somebody_elses_folder_is_left_alone(tmp_path: Path, resume: bool, says: str) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match=says):
        RunFolder.open(tmp_path, make_config(), resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_out_may_not_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file: choose another --out"):
        RunFolder.open(tmp_path / "file", make_config())


def test_resuming_nothing_starts_and_says_so(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", make_config(), resume=True) as run:
        assert run.latest() is None
        assert "starting at step 0" in run.notes[0]


def test_a_budget_may_grow_and_not_shrink(tmp_path: Path) -> None:
    one, more = make_config(budget_tokens=900), make_config(budget_tokens=1000)
    [note] = check(tmp_path, one, more)
    assert "train.budget_tokens grew 900 → 1000" in note
    with pytest.raises(StoreError, match="not shrink to 900"):
        check(tmp_path, more, one)
    with pytest.raises(StoreError, match=r"train\.budget_tokens \("):
        check(tmp_path, make_config(), one)  # null is no budget that grew


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 7}, "seed (0 → 7)"),
        ({"defender": {"learn": {"lr": 0.5}}}, "defender.learn.lr (1e-06 → 0.5)"),
        ({"attacker": {"adapter": None}}, "attacker.adapter"),
        ({"train": {"lag": 1}}, "train.lag (0 → 1)"),
        ({"train": {"steps": STEPS - 1}}, "not shrink"),
    ],
)
def test_resuming_with_another_configuration_names_the_keys(
    run: Path, change: dict[str, object], says: str
) -> None:
    with pytest.raises(StoreError) as caught:
        RunFolder.open(run, changed(change), resume=True)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert open_readonly(run).config == make_config()


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"name": "other"}, None),
        ({"sinks": ["tensorboard"]}, None),
        ({"train": {"save": {"every": 3, "keep_last": 9}}}, None),
        ({"train": {"steps": STEPS + 3}}, "train.steps grew 3 → 6"),
        ({"train": {"threads": 1}}, "not bit-identical"),
    ],
)
def test_what_may_change_on_resuming(
    run: Path, change: dict[str, object], note: str | None
) -> None:
    config = changed(change)
    with RunFolder.open(run, config, resume=True) as folder:
        assert (note in folder.notes[0]) if note else folder.notes == []
        assert folder.config == config
    assert open_readonly(run).config == config


def test_a_server_that_has_moved_strands_no_run(tmp_path: Path) -> None:
    def judged_at(host: str, model: str = "m", **more: object) -> RunConfig:
        engine = {"type": "openai", "base_url": f"http://{host}/v1", **more}
        return changed({"judges": {"evaluation": None}}).model_copy(
            update={
                "judges": JudgesConfig.model_validate(
                    {"evaluation": {"type": "generative", "model": model, "engine": engine}}
                )
            }
        )

    old, new = judged_at("one:8000"), judged_at("two:8000", timeout=9.0, key_env="KEY")
    (note,) = check(tmp_path, old, new)
    assert "judges.evaluation.engine.base_url" in note and "not bit-identical" in note
    (note,) = check(tmp_path, old, judged_at("one:8000", timeout=9.0))
    assert "timeout" in note and "not bit-identical" not in note
    assert check(tmp_path, old, old) == []
    with pytest.raises(StoreError, match=r"judges\.evaluation\.model"):
        check(tmp_path, old, judged_at("one:8000", model="other"))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 99])
@pytest.mark.parametrize("block", [7, 64, 65_536])
def test_the_last_lines_are_read_from_the_end(tmp_path: Path, count: int, block: int) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": n, "pad": "x" * n}) + "\n" for n in range(20)))
    for torn in ("", '{"step": 2'):
        path.write_text(path.read_text() + torn)
        found = [line["step"] for line in read_lines(path, _start_of_last(path, count, block))]
        assert found == list(range(20))[20 - min(count, 20) :]


def changed(change: dict[str, object]) -> RunConfig:
    tree = make_config().model_dump(mode="json")
    merge(tree, change)
    return RunConfig.model_validate(tree)


def merge(tree: dict[str, object], change: dict[str, object]) -> None:
    for key, value in change.items():
        inner = tree[key]
        if isinstance(value, dict) and isinstance(inner, dict):
            merge(inner, value)
        else:
            tree[key] = value


def test_a_longer_run_continues_the_shorter_one(tmp_path: Path, run: Path) -> None:
    config = make_config(steps=STEPS + 2)
    run_to_end(run, config)
    run_to_end(tmp_path / "whole", config)
    assert tree(run) == tree(tmp_path / "whole")


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_rewind_keeps_exactly_what_came_before(run: Path, finished: Path, step: int) -> None:
    with RunFolder.open(run, make_config(), resume=True) as folder:
        folder.rewind(step)
        assert [line["step"] for line in folder.metrics()] == list(range(step))
        assert folder.episode_steps() == list(range(step))
        assert [report["step"] for report in folder.validations()] == list(range(step + 1))
        assert folder.summary() is None
        assert folder.notes == []
    left, before = tree(run), tree(finished)
    assert before["metrics.jsonl"].startswith(left.pop("metrics.jsonl"))
    assert all(before[name] == content for name, content in left.items())


def test_rewind_handles_a_last_line_torn_anywhere(run: Path, finished: Path) -> None:
    whole = (run / "metrics.jsonl").read_bytes()
    second = len(b"".join(whole.splitlines(keepends=True)[:2]))
    for cut in range(second, len(whole)):
        (run / "metrics.jsonl").write_bytes(whole[:cut])
        assert len(open_readonly(run).metrics()) == 2
        with RunFolder.open(run, make_config(), resume=True) as folder:
            folder.rewind(2)
            assert (run / "metrics.jsonl").read_bytes() == whole[:second]
            assert folder.notes == []


@pytest.mark.parametrize(
    "junk", [b"\x00\x00\x00\n", b"[1]\n", b'{"step":"x"}\n', b"{}\n", b"\xff\xfe\n", b"null\n"]
)
def test_rewind_handles_junk_after_the_last_step(run: Path, junk: bytes) -> None:
    whole = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(whole + junk)
    with RunFolder.open(run, make_config(), resume=True) as folder:
        folder.rewind(STEPS)
    assert (run / "metrics.jsonl").read_bytes() == whole


def test_a_line_damaged_in_the_middle_is_named_and_costs_no_other(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join([lines[0], lines[1][:20] + b"\n", lines[2]]))
    end = len(lines[0]) + 21
    with pytest.raises(StoreError, match=f"metrics.jsonl is damaged in .* ends at byte {end:,}"):
        open_readonly(run).metrics()
    assert len(open_readonly(run).metrics(last=1)) == 1
    with RunFolder.open(run, make_config(), resume=True) as folder:
        folder.rewind(STEPS)
        assert "is damaged" in folder.notes[0]
        assert "lacks step 1" in folder.notes[1]
    assert (run / "metrics.jsonl").read_bytes() == lines[0] + lines[2]


def test_a_record_that_somebody_removed_is_told(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join(lines[:1] + lines[2:]))
    (run / "episodes" / "step-000002.jsonl").unlink()
    with RunFolder.open(run, make_config(), resume=True) as folder:
        folder.rewind(STEPS)
        assert "metrics.jsonl lacks step 1" in folder.notes[0]
        assert "episodes lacks step 2" in folder.notes[1]


def test_numbers_that_json_cannot_hold_become_null(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", make_config()) as run:
        run.rewind(0)
        metrics = {"loss": float("nan"), "time": {"step": float("inf")}, "kept": 0.1 + 0.2}
        run.write_step(0, metrics, [])
        line = (run.path / "metrics.jsonl").read_text()
    expected = {"step": 0, "loss": None, "time": {"step": None}, "kept": 0.1 + 0.2}
    assert json.loads(line) == expected


@pytest.mark.parametrize("content", ["", "- a list", "\x00", "steps: [", "no_such_key: 1"])
def test_a_spoilt_config_yaml_is_one_line(run: Path, content: str) -> None:
    (run / "config.yaml").write_text(content)
    with pytest.raises(StoreError) as caught:
        RunFolder.open(run, make_config(), resume=True)
    assert "config.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_episode_is_named_by_file_and_line(run: Path) -> None:
    path = run / "episodes" / "step-000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:40])
    with pytest.raises(StoreError, match=r"step-000001\.jsonl line 2"):
        open_readonly(run).episodes(1)
    with pytest.raises(StoreError, match="no episodes of step 99"):
        open_readonly(run).episodes(99)


def test_only_a_run_folder_opens(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no config\.yaml"):
        open_readonly(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        open_readonly(tmp_path / "nowhere")


def test_what_a_crash_left_is_swept(run: Path) -> None:
    (run / "checkpoints" / ".tmp-1-step-000009" / "attacker").mkdir(parents=True)
    (run / "checkpoints" / ".tmp-1-step-000009" / "attacker" / "half").write_text("x")
    (run / "episodes" / ".tmp-1-step-000009.jsonl").write_text("x")
    (run / "pool" / ".tmp-1-step-000009").mkdir(parents=True)
    RunFolder.open(run, make_config(), resume=True).close()
    assert not list(run.rglob(".tmp-*"))
