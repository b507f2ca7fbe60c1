"""Our numbers beside those of lm-eval's own task files and loader, and its tasks on the hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import datasets
import pytest
from command import call
from utility_sets import HUB, Babble, harness_alone, use_stand_ins

from advgame import hub
from advgame.evals import utility
from advgame.evals.catalog import UTILITY
from advgame.models import tiny

Captured = pytest.CaptureFixture[str]

# Where lm-eval keeps its own task, and its name there. MMLU: one of 57 that differ in a line.
BBH = "leaderboard/bbh_mc"
MMLU = ("mmlu/default", "mmlu_abstract_algebra")
OWN = {
    "openbookqa": ("openbookqa", "openbookqa"),
    "piqa": ("piqa", "piqa"),
    "bbh-causal-judgement": (BBH, "leaderboard_bbh_causal_judgement"),
    "bbh-disambiguation": (BBH, "leaderboard_bbh_disambiguation_qa"),
    "ifeval": ("ifeval", "ifeval"),
    "mmlu-sample": MMLU,
}
COMPARED = ("openbookqa", "mmlu-sample", "bbh-disambiguation")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_stand_ins(tmp_path, monkeypatch)


def own(name: str, folder: Path) -> tuple[str, str]:
    """lm-eval's own task; of MMLU all but the line that names the subject."""
    if name != "mmlu-sample":
        return OWN[name]
    where, task = MMLU
    file = files("lm_eval") / "tasks" / where / f"{task}.yaml"
    (folder / "own").mkdir()
    (folder / "own" / "bare.yaml").write_text(f"include: {file}\ntask: bare\ndescription: ''\n")
    return str(folder / "own"), "bare"


def test_the_number_is_lm_evals_own(tmp_path: Path, capsys: Captured) -> None:
    """`advgame eval`, and lm-eval's own task files and loader of models, on the same rows.

    For `mmlu-sample` without the line that names the subject: it is not lm-eval's number of MMLU.
    """
    tokenizer = tiny.tiny_tokenizer()
    tiny.tiny_model(tokenizer).save_pretrained("model")
    tokenizer.save_pretrained("model")
    line = ["eval", "model", "--limit", "10", "--json"]
    line += [word for name in COMPARED for word in ("--task", name)]
    capsys.readouterr()
    assert call(*line) == 0
    out, err = capsys.readouterr()
    assert "it/s" not in err  # no bar of lm-eval's beside ours
    found = json.loads(out)["tasks"]
    assert call(*line) == 0
    again = json.loads(capsys.readouterr().out)["tasks"]
    for name in COMPARED:
        (file,) = (tmp_path / "cache" / "eval-data").glob(f"{UTILITY[name].asset}-*.jsonl")
        rows = [json.loads(text) for text in file.read_text().splitlines()]
        where, task = own(name, tmp_path)
        loader = f"pretrained={tmp_path / 'model'},dtype=float32,device=cpu"
        theirs = harness_alone(
            where, task, UTILITY[name].metric, rows, "hf", limit=10, model_args=loader, batch_size=8
        )
        row = found[name]
        assert list(row["outcomes"].values()) == [bool(score) for score in theirs]
        assert row["value"] == sum(theirs) / len(theirs)
        assert (row["n"], row["unscored"]) == (len(theirs), 0)
        assert row["cost"]["prompt_tokens"] > 0
        assert again[name]["outcomes"] == row["outcomes"]
        assert again[name]["cost"]["prompt_tokens"] == 0
        assert again[name]["cost"]["from_cache"] > 0
    assert {name for name in found if "lacks" in found[name]} == {"mmlu-sample"}
    assert len({row["value"] for row in found.values()} - {0.0, 1.0}) > 1


@pytest.mark.parametrize("name", OWN)
def test_a_packaged_task_asks_what_the_harness_asks(name: str, tmp_path: Path) -> None:
    """Our rows through our task, and hub rows through lm-eval's own: prompt by prompt the same."""
    task = UTILITY[name]
    ours, theirs = Babble(), Babble()
    scores = utility.scores(task, ours, None)
    where, named = own(name, tmp_path)
    alone = harness_alone(
        where, named, task.metric, HUB[name], theirs, apply_chat_template=task.writes
    )
    asked, told = ([str(args) for args in lm.asked] for lm in (ours, theirs))
    assert sorted(asked) == sorted(told)
    assert ours.scored(list(scores.values())) == theirs.scored(alone)
    assert set(alone) == {0.0, 1.0}  # some right, some wrong


def test_the_sample_of_mmlu_lacks_the_line_with_the_subject() -> None:
    ours, theirs = Babble(), Babble()
    utility.scores(UTILITY["mmlu-sample"], ours, None)
    harness_alone(*MMLU, "acc", HUB["mmlu-sample"], theirs)
    line = "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
    assert {line + prompt for prompt, _ in ours.asked} == {prompt for prompt, _ in theirs.asked}
    assert "names its subject" in UTILITY["mmlu-sample"].lacks


class Told(Babble):
    """A model that answers with what stands in the last <> of its prompt."""

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        super().loglikelihood(requests)
        said = (prompt.rpartition("<")[2].partition(">")[0] for prompt, _ in self.asked)
        return [
            (0.0 if word == option.strip() else -9.0, False)
            for word, (_, option) in zip(said, self.asked, strict=True)
        ]


# Of the parts of BBH: what is right, and another option; of all others (B) and (A).
PARTS = {
    "boolean_expressions": ("True", "False"),
    "formal_fallacies": ("invalid", "valid"),
    "object_counting": ("3", "4"),
    "sports_understanding": ("no", "yes"),
    **dict.fromkeys(("causal_judgement", "navigate", "web_of_lies"), ("Yes", "No")),
}
COLOURS = ["red", "blue", "green", "grey"]


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no memory left")


@cache
def hub_set(name: str, part: str) -> datasets.DatasetDict:
    """Three rows, in whichever split is asked for."""
    rows = [hub_row(name, part, right) for right in (True, False, True)]
    data = datasets.Dataset.from_list(rows)
    return datasets.DatasetDict(dict.fromkeys(("train", "validation", "dev", "test"), data))


def hub_row(name: str, part: str, right: bool) -> dict[str, Any]:
    """A row with the fields of the hub's set, whose text says the right answer or another."""
    match name:
        case "arc-challenge":
            question = f"A sky is <{'blue' if right else 'red'}>"
            choices = {"text": COLOURS, "label": list("1234")}
            return {"id": "n", "question": question, "choices": choices, "answerKey": "2"}
        case "truthfulqa-mc1":
            question = f"A sky is <{'blue' if right else 'red'}>"
            targets = {"choices": ["blue", "red"], "labels": [1, 0]}
            return {"question": question, "mc1_targets": targets, "mc2_targets": targets}
        case "mmlu":
            question = f"A sky is <{'B' if right else 'A'}>"
            return {"question": question, "subject": "", "choices": COLOURS, "answer": 1}
    target, other = PARTS.get(part, ("(B)", "(A)"))
    return {"input": f"{part} <{target if right else other}>", "target": target}


@pytest.mark.parametrize(
    ("name", "repository", "config", "parts"),
    [
        ("arc-challenge", "allenai/ai2_arc", "ARC-Challenge", 1),
        ("truthfulqa-mc1", "truthfulqa/truthful_qa", "multiple_choice", 1),
        ("mmlu", "cais/mmlu", "abstract_algebra", 57),
        ("bbh", "SaylorTwift/bbh", "disambiguation_qa", 24),
    ],
)
def test_a_task_of_the_hub_is_read_by_its_fields(
    name: str, repository: str, config: str, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def serve(**asked: Any) -> datasets.DatasetDict:
        assert asked["path"] == repository
        loaded.append(asked["name"])
        return hub_set(name, asked["name"] if name == "bbh" else "")

    monkeypatch.setattr(datasets, "load_dataset", serve)
    monkeypatch.setattr(hub, "answers", lambda: True)
    model = Told()
    scores = utility.scores(UTILITY[name], model, 2)
    assert list(scores.values()) == [1.0, 0.0] * parts  # of three, the first two
    assert config in loaded
    assert len(set(loaded)) == len({key.rpartition("/")[0] for key in scores}) == parts
    monkeypatch.setattr(model, "loglikelihood", fail)
    with pytest.raises(RuntimeError, match="no memory left"):  # not: the data cannot be had
        utility.scores(UTILITY[name], model, 2)
    if name == "mmlu":
        prompts = {prompt for prompt, _ in model.asked}
        assert all("questions (with answers) about " in prompt for prompt in prompts)
