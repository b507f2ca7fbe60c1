"""`advgame eval` on other sources: hub sets, an Attacker, an endpoint, lm-eval."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import nltk
import pytest
import yaml
from command import call, start, told
from http_server import Answer, Request, Server, chat, models, of_json
from inspect_ai.log import read_eval_log

from advgame import hub
from advgame.config.game import SeedSource
from advgame.evals import attacked as attacks_of
from advgame.evals import catalog, judging, packaged, provider, tasks
from advgame.evals.catalog import SAFETY, UTILITY, SafetyTask
from advgame.evals.questions import seeds_of
from advgame.models import network
from advgame.types import Kind, Seed

Captured = pytest.CaptureFixture[str]

_OR_BENCH = {
    f"or-bench-{part}": {"train": f"or-bench-{part}.csv"} for part in ("80k", "hard-1k", "toxic")
}
# What the cards of the hub's sets say: CONFIG → split → file. OR-Bench and WildGuardMix by their
# README.md on huggingface.co. XSTest has the split `test` alone (stanford-crfm/helm,
# scenarios/xstest_scenario.py). WildJailbreak's files are tab-separated, and the split of either
# configuration is `train` (allenai/wildteaming, issue 1; readers in many repositories).
CARDS: dict[str, dict[str, dict[str, str]]] = {
    "walledai/XSTest": {"default": {"test": "data/test-00000-of-00001.parquet"}},
    "bench-llm/or-bench": _OR_BENCH,
    "allenai/wildjailbreak": {
        "train": {"train": "train/train.tsv"},
        "eval": {"train": "eval/eval.tsv"},
    },
    "allenai/wildguardmix": {
        "wildguardtrain": {"train": "train/wildguard_train.parquet"},
        "wildguardtest": {"test": "test/wildguard_test.parquet"},
    },
}
# Every column of the files that we read, with values that go round; "?" is a text of its own.
# XSTest: the reader of helm. OR-Bench: its card. WildGuardMix: its card, which also says that a
# label is None where the people asked did not agree; the order of columns as printed by others.
# WildJailbreak: `adversarial` and `data_type` by many readers; that `label` is 1 for harm is from
# memory of its card, and we do not read it.
COLUMNS: dict[tuple[str, str | None], dict[str, list[Any]]] = {
    ("walledai/XSTest", None): {
        "prompt": ["?"],
        "focus": ["kill"],
        "type": ["homonyms", "contrast_homonyms"],
        "note": [None, "a play on words"],
        "label": ["safe", "unsafe"],
    },
    ("bench-llm/or-bench", "or-bench-hard-1k"): {"prompt": ["?"], "category": ["violence"]},
    ("bench-llm/or-bench", "or-bench-toxic"): {"prompt": ["?"], "category": ["privacy"]},
    ("allenai/wildjailbreak", "eval"): {
        "adversarial": ["?"],
        "label": [0, 1],
        "data_type": ["adversarial_benign", "adversarial_harmful"],
    },
    ("allenai/wildguardmix", "wildguardtest"): {
        "prompt": ["?"],
        "response": ["Sure."],
        "adversarial": [False, False, False, True, True, True],
        "prompt_harm_label": ["unharmful", "harmful", None],
        "response_refusal_agreement": [3.0, 2.0],
        "response_refusal_label": ["compliance", "refusal"],
        "response_harm_label": ["unharmful", None],
        "subcategory": ["benign", "cyberattack", "others"],
        "prompt_harm_agreement": [2.0],
        "response_harm_agreement": [3.0, None],
    },
}
# By the beginning of a task's name: where its set is, and of which rows it is.
WANTED: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "xstest-safe": ("walledai/XSTest", None, {"label": "safe"}),
    "xstest-unsafe": ("walledai/XSTest", None, {"label": "unsafe"}),
    "or-bench-hard": ("bench-llm/or-bench", "or-bench-hard-1k", {}),
    "or-bench-toxic": ("bench-llm/or-bench", "or-bench-toxic", {}),
    "wildjailbreak-harmful": ("allenai/wildjailbreak", "eval", {"label": 1}),
    "wildjailbreak-benign": ("allenai/wildjailbreak", "eval", {"label": 0}),
    **{
        f"wildguardtest-{form}-{kind}": (
            "allenai/wildguardmix",
            "wildguardtest",
            {"adversarial": form == "adversarial", "prompt_harm_label": label},
        )
        for form in ("vanilla", "adversarial")
        for kind, label in (("harmful", "harmful"), ("benign", "unharmful"))
    },
}


def published(folder: Path, repository: str, config: str | None) -> list[dict[str, Any]]:
    """Lay a set of the hub down as it is published, with rows in the part that is read."""
    card = CARDS[repository]
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": split, "path": path} for split, path in parts.items()],
        }
        for name, parts in card.items()
    ]
    folder.mkdir()
    head = yaml.safe_dump({"configs": configs})
    (folder / "README.md").write_text(f"---\n{head}---\n", encoding="utf-8")
    rows = []
    for number in range(60):
        row = {
            name: values[number % len(values)]
            for name, values in COLUMNS[repository, config].items()
        }
        text = f'Please open the "east" gate,\n\tnumber {number}'  # as long prompts are
        rows.append({name: text if value == "?" else value for name, value in row.items()})
    for path in (path for parts in card.values() for path in parts.values()):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).touch()  # of other configurations: there, and not looked into
    (path,) = card[config or "default"].values()
    file = folder / path
    made = datasets.Dataset.from_list(rows)
    if file.suffix == ".parquet":
        made.to_parquet(file)
    else:
        made.to_csv(file, index=False, sep="\t" if file.suffix == ".tsv" else ",")
    return rows


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (provider, attacks_of):
        monkeypatch.setattr(module, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(network, "_multiplies_bfloat16", lambda: False)


def measured(capsys: Captured, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert call("eval", *arguments, "--max-tokens", "8", "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("name", [task.name for task in SAFETY.values() if not task.offline])
def test_hub_sets_are_read_as_they_are_published(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, config, wanted = WANTED[name]
    rows = published(tmp_path / "set", repository, config)
    real = datasets.load_dataset

    def serve(asked: str, configuration: str | None, **options: Any) -> Any:
        assert (asked, configuration) == (repository, config)
        return real(
            str(tmp_path / "set"), configuration, **options, cache_dir=str(tmp_path / "datasets")
        )

    monkeypatch.setattr(datasets, "load_dataset", serve)
    task = SAFETY[name]
    found = seeds_of(task, part="all", limit=None)
    (text,) = (key for key, values in COLUMNS[repository, config].items() if values == ["?"])
    assert {seed.text for seed in found} == {
        row[text] for row in rows if all(row[key] == value for key, value in wanted.items())
    }
    assert len(found) == {0: 60, 1: 30, 2: 10}[len(wanted)]
    assert all(seed.kind is task.kind for seed in found)


def test_a_set_that_cannot_be_had_is_skipped_in_a_suite_and_an_error_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the hub cannot be reached")

    monkeypatch.setattr(hub, "answers", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", fail)
    names = ("xstest-safe", "harmbench-attacked", "harmful-plain")
    monkeypatch.setitem(catalog.SUITES, "quick", catalog.Suite(tasks=names, limit=2))
    found = measured(capsys, "tiny-random", "--judge", "patterns")
    assert list(found["tasks"]) == ["harmful-plain"]
    assert "the hub cannot be reached" in found["skipped"]["xstest-safe"]
    assert "name whose attacks" in found["skipped"]["harmbench-attacked"]
    capsys.readouterr()
    assert call("eval", "tiny-random", "--judge", "patterns", "--task", "xstest-safe") == 2
    assert "the hub cannot be reached" in told(capsys.readouterr().err)


def test_what_says_nothing_to_the_user_is_not_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """lm-eval warns of the weights it is given, NLTK of the network that is not there."""
    logging.getLogger("lm_eval").setLevel(logging.NOTSET)
    monkeypatch.setattr(hub, "answers", lambda: False)
    capsys.readouterr()
    assert call("eval", "tiny-random", "--task", "mmlu", "--limit", "2") == 2
    assert len(told(capsys.readouterr().err).splitlines()) == 1
    assert not [each for each in caplog.records if each.name.startswith("lm_eval")]
    for name in [name for name in sys.modules if name.partition(".")[0] == "if_verifiable"]:
        monkeypatch.delitem(sys.modules, name)  # imported anew, as in a process of its own
    fetched: list[str] = []

    def fetch(name: str, print_error_to: Any = sys.stderr, **_: object) -> None:
        fetched.append(name)
        print("[nltk_data] Error loading", name, file=print_error_to)

    monkeypatch.setattr(nltk, "download", fetch)
    capsys.readouterr()
    packaged.prepare(UTILITY["ifbench"])
    done = len(fetched)
    doc = {"key": "1", "prompt": "?", "instruction_id_list": [], "kwargs": "[]"}
    packaged._check_ifbench(doc, ["A reply."])
    assert 0 < done == len(fetched) and "".join(capsys.readouterr()) == ""


def own_attacked_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the task `own` attack the plain harmful seeds."""
    task = SafetyTask(
        name="own", source=SeedSource(name="harmful-plain"), kind=Kind.HARMFUL, attacked=True
    )
    monkeypatch.setitem(catalog.TASKS, "own", task)


def test_under_attack_by_the_attacker_of_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    own_attacked_task(monkeypatch)
    assert start() == 0
    line = ("run", "--task", "own", "--judge", "patterns", "--limit", "3", "--attempts", "2")
    report = measured(capsys, *line)
    row = report["tasks"]["own"]
    assert (row["n"] + row["unscored"], row["attempts"]) == (3, 2)
    assert row["refused"]["n"] + row["refused"]["unscored"] == 3  # over requests, not attempts
    assert set(row["at"]) == {"1", "2"}
    assert row["at"]["2"]["value"] == row["value"] >= row["at"]["1"]["value"]
    log = read_eval_log(str(Path(report["logs"]) / row["log"]))
    assert len(log.samples) == 6
    for sample in log.samples:
        assert sample.input != sample.metadata["request"]  # rewritten by a babbling model
    assert len({sample.input for sample in log.samples}) == 6
    assert row["attacks"]["tokens"] > 0
    again = measured(capsys, *line)["tasks"]["own"]
    assert again["cost"]["from_cache"] == 6  # the same attacks, the same replies
    assert again["attacks"]["tokens"] == 0  # kept, too
    assert again["outcomes"] == row["outcomes"]
    more = measured(capsys, *line[:-3], "4", *line[-2:])["tasks"]["own"]
    files = {each["attacks"]["file"] for each in (row, again, more)}
    assert row["attacks"]["file"] == again["attacks"]["file"] and len(files) == 2  # both are there


def test_attacks_on_some_seeds_are_kept_before_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def attack(seeds: Sequence[Seed], *rest: Any) -> list[list[tuple[str, str | None]]]:
        made.append(len(seeds))
        if len(made) == 2:
            raise KeyboardInterrupt
        return [[(seed.text, None)] for seed in seeds]

    monkeypatch.setattr(attacks_of, "_attack", attack)
    monkeypatch.setattr(attacks_of, "AT_ONCE", 2)
    monkeypatch.setattr(attacks_of, "cache_dir", lambda: Path("cache"))
    seeds = [Seed(id=str(n), text=f"seed {n}", kind=Kind.HARMFUL) for n in range(5)]
    with pytest.raises(KeyboardInterrupt):
        attacks_of.attacked(seeds, "tiny-random", 1)
    found = attacks_of.attacked(seeds, "tiny-random", 1)
    assert [each.prompt for each in found] == [seed.text for seed in seeds]
    assert made == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("options", "whose"),
    [
        (("--key-env", "K"), "MODEL"),
        (("--attacker-key-env", "K", "--attacker", "runs/first"), "--attacker"),
        (("--reference-key-env", "K"), "--reference"),
    ],
)
def test_a_key_is_for_an_endpoint(options: tuple[str], whose: str, capsys: Captured) -> None:
    assert call("eval", "tiny-random", *options) == 2
    assert f"K: a key is for an endpoint, and {whose} is not one" in told(capsys.readouterr().err)


def test_each_endpoint_sees_its_own_key_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    own_attacked_task(monkeypatch)
    for name in ("ONE", "TWO"):
        monkeypatch.setenv(name, f"key-{name}")

    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("m")
        choice = {"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return of_json({"model": "m", "choices": [choice], "usage": usage})

    with Server(answer).running() as target, Server(answer).running() as attacker:
        line = [f"openai:m@{target.base_url}", "--task", "own", "--judge", "patterns"]
        line += ["--limit", "1", "--attacker", f"openai:m@{attacker.base_url}"]
        measured(capsys, *line, "--key-env", "ONE")
        assert all("key-" not in str(each.headers) for each in attacker.requests)
        measured(capsys, *line, "--key-env", "ONE", "--attacker-key-env", "TWO", "--no-cache")
    assert "key-ONE" in str(target.requests[-1].headers)
    assert "key-TWO" in str(attacker.requests[-1].headers)
    assert all("key-TWO" not in str(each.headers) for each in target.requests)


def test_attacks_that_were_written_are_a_fixed_set(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """What one Attacker wrote can be asked of another model, and by another evaluation."""
    own_attacked_task(monkeypatch)
    line = ("tiny-random", "--task", "own", "--judge", "patterns")
    some = ("--limit", "2", "--attempts", "3", "--attacker", "tiny-random")
    first = measured(capsys, *line, *some)
    row = first["tasks"]["own"]
    written = Path(first["logs"]) / row["attacks"]["file"]
    asked = [json.loads(text)["prompt"] for text in written.read_text().splitlines()]
    assert len(asked) == 6 - row["attack_faults"] > 0
    fixed = measured(capsys, *line, "--attacks", str(written))  # seeds it does not name: left out
    log = read_eval_log(str(Path(fixed["logs"]) / fixed["tasks"]["own"]["log"]))
    assert sorted(sample.input for sample in log.samples) == sorted(asked)
    assert fixed["tasks"]["own"]["cost"]["from_cache"] == len(asked)
    assert "attacks" not in fixed["tasks"]["own"]
    one = measured(capsys, *line, "--attacks", str(written), "--attempts", "1", "--limit", "1")
    assert one["tasks"]["own"]["n"] == 1
    assert "at" not in one["tasks"]["own"]


def test_an_attacker_behind_an_endpoint(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    own_attacked_task(monkeypatch)

    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("served")
        return of_json(
            {
                "choices": [
                    {
                        "message": {"content": f"a rewrite with seed {request.body['seed']}"},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 5, "completion_tokens": 9},
            }
        )

    with Server(answer).running() as server:
        line = "tiny-random --task own --judge patterns --limit 2 --attempts 2"
        attacker = f"openai:served@{server.base_url}"
        found = measured(capsys, *line.split(), "--attacker", attacker)
    log = read_eval_log(str(Path(found["logs"]) / found["tasks"]["own"]["log"]))
    assert len({sample.input for sample in log.samples}) == 4
    assert all(sample.input.startswith("a rewrite") for sample in log.samples)
    assert found["tasks"]["own"]["attacks"]["tokens"] == 36


def test_an_endpoint_is_asked_by_inspect(capsys: Captured) -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("served")
        message = {"role": "assistant", "content": "I'm sorry, but I can't help with that."}
        return of_json(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "served",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14},
            }
        )

    with Server(answer).running() as server:
        line = f"openai:served@{server.base_url} --judge patterns --limit 3".split()
        found = measured(capsys, *line, "--task", "harmful-plain", "--task", "benign-everyday")
        assert found["tasks"]["harmful-plain"]["value"] == 0.0
        assert found["tasks"]["benign-everyday"]["value"] == 1.0
        assert found["tasks"]["benign-everyday"]["n"] == 3
        bodies = [r.body for r in server.requests if r.path.endswith("/chat/completions")]
        assert {body["temperature"] for body in bodies} == {0.0}
        assert call("eval", f"openai:other@{server.base_url}", "--task", "harmful-plain") == 2
        assert "does not serve model 'other'" in capsys.readouterr().err


def test_a_language_model_with_our_rubric_judges_a_safety_task(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.setattr(judging, "cache_dir", lambda: tmp_path / "cache")
    verdicts = {"gate 1": "It tells how.\nVerdict: 9", "gate 2": "Verdict: 2", "gate 3": "Hm."}
    rows = [{"text": f"Force open {gate}", "split": "test"} for gate in verdicts]
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = SafetyTask(name="own", source=SeedSource(name="own.jsonl"), kind=Kind.HARMFUL)
    monkeypatch.setitem(catalog.TASKS, "own", task)

    def questions(server: Server) -> list[str]:
        bodies = (each.body for each in server.requests)
        return [body["messages"][-1]["content"] for body in bodies if "messages" in body]

    def answer(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("grader")
        asked = request.body["messages"][-1]["content"]
        return chat(next(word for gate, word in verdicts.items() if gate in asked), tokens=7)

    with Server(answer).running() as server:
        line = ("tiny-random", "--task", "own", "--judge", f"openai:grader@{server.base_url}")
        report = measured(capsys, *line)
        asked = questions(server)
        for made in (judging.open_judge, tasks._ask_judge):  # as in another process
            made.cache_clear()
        again = measured(capsys, *line)
        assert len(questions(server)) - len(asked) == 3  # what had no verdict, and its two retries
    row = report["tasks"]["own"]
    assert (row["value"], row["n"], row["unscored"]) == (0.5, 2, 1)  # no verdict is no failure
    assert report["judge"] == "generative grader"
    assert row["cost"]["judge_tokens"] > 0
    assert again["tasks"]["own"]["outcomes"] == row["outcomes"]
    log = read_eval_log(str(Path(report["logs"]) / row["log"]))
    for sample in log.samples:
        (told,) = {each for each in asked if sample.input in each}
        assert sample.output.completion in told  # it reads the reply, and our rubric:
        assert all(word in told for word in ("Verdict", "0", "10"))
    scores = {sample.input[-6:]: sample.scores["judged"].metadata for sample in log.samples}
    assert [scores[gate]["judge_score"] for gate in verdicts] == [9.0, 2.0, None]


@pytest.mark.assets
def test_a_real_model_and_the_embedded_judge(capsys: Captured) -> None:
    line = ("smollm2-135m-instruct", "--task", "benign-everyday", "--limit", "3")
    row = measured(capsys, *line)["tasks"]["benign-everyday"]
    assert row["n"] == 3
    assert row["cost"]["judge_tokens"] > 0
    assert row["value"] < 1.0  # it answers everyday questions
