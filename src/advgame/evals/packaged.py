"""Packaged questions as tasks of lm-evaluation-harness.

The harness's own task file is included and only told to read our rows, so that a number means what
it means there. Only its line with the subject is missing over questions of MMLU: the packaged rows
do not tell it. IFBench, which the harness lacks, is checked by the package `if-verifiable`.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import yaml

from advgame import assets
from advgame.errors import SeedError
from advgame.evals.catalog import UtilityTask
from advgame.seeds.rows import Row, read_file
from advgame.seeds.splits import seed_id
from advgame.store.atomic import write_text

_OPTION: Final = re.compile(r"^([A-Z])\. ?", re.MULTILINE)
_LETTERS: Final = "ABCDEFGH"


def prepare(task: UtilityTask) -> None:
    """Make ready what a task's checkers need beside its questions.

    Raises:
        SeedError: a package is missing.
        AssetError: packaged data cannot be had.
    """
    if not task.checked:
        return
    try:
        import langdetect
        import nltk

        folder = str(assets.path("nltk-data"))
        if folder not in nltk.data.path:
            nltk.data.path.append(folder)
        if task.lm_eval == "":
            # Here, not at the first reply: it fetches what language data it misses, and complains
            # if it cannot. A reply whose checker lacks its data has no score, and that is told.
            mute = partial(nltk.download, print_error_to=io.StringIO())
            with patch.object(nltk, "download", mute):
                import if_verifiable.ifbench.instructions_registry  # noqa: F401
    except ImportError as error:
        extra = "ifbench" if task.lm_eval == "" else "eval"
        raise SeedError(
            f"{task.name}: its checkers need the package {error.name}; "
            f"run `pip install 'advgame[{extra}]'`"
        ) from error
    langdetect.DetectorFactory.seed = 0  # it draws; the same text should get the same language


def packaged(task: UtilityTask, folder: Path) -> tuple[str, Any]:
    """A packaged task for lm-eval: its name, and a Task or None if `folder` now describes it.

    Raises:
        SeedError: a row is not of the form expected.
        AssetError: the packaged data cannot be had.
    """
    assert task.asset is not None
    source = SOURCES[task.asset]
    data = {"test": str(_data(task.asset, source))}
    name = f"advgame_{task.name.replace('-', '_')}"
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": data},
        "training_split": None,
        "validation_split": None,
        "fewshot_split": None,
        "test_split": "test",
        "num_fewshot": 0,
    }
    if source.template is None:
        from lm_eval.api.task import ConfigurableTask

        return name, ConfigurableTask(config={**config, **source.own})
    with as_file(files("lm_eval") / "tasks" / source.template) as include:
        text = yaml.safe_dump({"include": str(include), **config, **source.own})
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return name, None


def _data(asset: str, source: Source) -> Path:
    """The rows as the harness's task reads them, in a place that stays.

    `datasets` keeps a copy of its own for every new path.
    """
    known = {seed_id(text) for text in _examples(source)}
    rows = filter(None, map(source.row, read_file(assets.path(asset))))
    kept = [each for each in rows if seed_id(str(each.get("input", ""))) not in known]
    # Mixed, since files are sorted by subject.
    kept.sort(key=lambda each: seed_id(json.dumps(each)))
    text = "".join(json.dumps(each) + "\n" for each in kept)
    name = f"{asset}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.jsonl"
    path = assets.cache_dir() / "eval-data" / name
    if not path.is_file():
        write_text(path, text)
    return path


def _examples(source: Source) -> list[str]:
    """Inputs that the task's own file shows as examples: they are no questions."""
    if "num_fewshot" not in source.own or source.template is None:
        return []
    text = (files("lm_eval") / "tasks" / source.template).read_text(encoding="utf-8")
    return [each["input"] for each in yaml.safe_load(text)["fewshot_config"]["samples"]]


def _options(row: Row, count: int) -> tuple[list[str], str]:
    """Texts of a question's options, and the letter of the right one.

    Raises:
        SeedError: the row is not of the form expected.
    """
    pieces = _OPTION.split(row.fields["options"])[1:]
    letters, texts = pieces[::2], [piece.strip() for piece in pieces[1::2]]
    right = str(row.fields["answer"])[:1]
    if letters != list(_LETTERS[:count]) or right not in letters:
        raise SeedError(f"{row.where}: not a question with {count} options")
    return texts, right


def _openbookqa(row: Row) -> Mapping[str, Any]:
    texts, right = _options(row, 4)
    return {
        "question_stem": row.fields["question"].strip(),
        "choices": {"text": texts, "label": list(_LETTERS[:4])},
        "answerKey": right,
    }


def _mmlu(row: Row) -> Mapping[str, Any]:
    texts, right = _options(row, 4)
    return {
        "question": row.fields["question"],
        "choices": texts,
        "answer": _LETTERS.index(right),
    }


def _piqa(row: Row) -> Mapping[str, Any]:
    (first, second), right = _options(row, 2)
    return {
        "goal": row.fields["question"],
        "sol1": first,
        "sol2": second,
        "label": _LETTERS.index(right),
    }


def _causal(row: Row) -> Mapping[str, Any]:
    passage = row.fields["passage"].strip()
    stop = "" if passage[-1] in ".!?'\"" else "."
    return {
        "input": "How would a typical person answer each of the following questions about "
        f"causation?\n{passage}{stop} {row.fields['question'].strip()}\n"
        "Options:\n- Yes\n- No",
        "target": row.fields["answer"].strip(),
    }


def _disambiguation(row: Row) -> Mapping[str, Any] | None:
    # BBH has three options a question; the set it is made from has three rows with four.
    if _OPTION.findall(row.fields["options"]) == list("ABCD"):
        return None
    texts, right = _options(row, 3)
    options = "\n".join(f"({letter}) {text}" for letter, text in zip("ABC", texts, strict=True))
    return {
        "input": "In the following sentences, explain the antecedent of the pronoun (which thing "
        "the pronoun refers to), or state that it is ambiguous.\n"
        f"Sentence: {row.fields['question'].strip()}\nOptions:\n{options}",
        "target": f"({right})",
    }


def _instructions(row: Row) -> Mapping[str, Any]:
    return {key: row.fields[key] for key in ("key", "prompt", "instruction_id_list", "kwargs")}


def _ifbench(row: Row) -> Mapping[str, Any]:
    # As text: a column of dicts would get every key of every row.
    kwargs = [
        {key: value for key, value in each.items() if value is not None}
        for each in row.fields["kwargs"]
    ]
    return {**_instructions(row), "kwargs": json.dumps(kwargs)}


def _check_ifbench(doc: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """Whether the reply follows all instructions, in strict and in loose reading.

    NaN where a checker lacks its language data: nothing is known of the reply then.
    """
    from if_verifiable import IFBenchSample, evaluate_output_for_sample

    sample = IFBenchSample(
        key=doc["key"],
        prompt=doc["prompt"],
        instruction_id_list=doc["instruction_id_list"],
        kwargs=json.loads(doc["kwargs"]),
    )
    try:
        _, found = evaluate_output_for_sample("ifbench", sample, results[0])
    except IndexError:  # the checker stumbles over a reply that is next to nothing
        return dict.fromkeys(_IFBENCH, 0.0)
    except LookupError:
        return dict.fromkeys(_IFBENCH, math.nan)
    return {_IFBENCH[0]: found.binary_loose, _IFBENCH[1]: found.binary_strict}


_IFBENCH: Final = ("prompt_level_loose_acc", "prompt_level_strict_acc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """From the rows of an asset to those of a task: that task's own file, and what differs.

    `row` gives None for a row that is no question of the task.
    """

    row: Callable[[Row], Mapping[str, Any] | None]
    template: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)


SOURCES: Final = {
    "openbookqa": Source(row=_openbookqa, template="openbookqa/openbookqa.yaml"),
    "mmlu": Source(
        row=_mmlu, template="mmlu/default/_default_template_yaml", own={"fewshot_config": None}
    ),
    "piqa": Source(row=_piqa, template="piqa/piqa.yaml"),
    "bigbench-causal-judgment": Source(
        row=_causal, template="leaderboard/bbh_mc/causal_judgement.yaml", own={"num_fewshot": 3}
    ),
    "bigbench-disambiguation": Source(
        row=_disambiguation,
        template="leaderboard/bbh_mc/disambiguation_qa.yaml",
        own={"num_fewshot": 3},
    ),
    "ifeval": Source(row=_instructions, template="ifeval/ifeval.yaml"),
    "ifbench": Source(
        row=_ifbench,
        own={
            "output_type": "generate_until",
            "doc_to_text": "prompt",
            "doc_to_target": "",
            "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": 1280},
            "process_results": _check_ifbench,
            "metric_list": [
                {"metric": name, "aggregation": "mean", "higher_is_better": True}
                for name in _IFBENCH
            ],
        },
    ),
}
"""By the name of the asset."""
