"""Sets of seeds that are known by name: bundled in this package, or packaged assets.

A reader turns the native format of a set into rows with the fields `text` and `category`, and
leaves out what cannot stand alone as a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import yaml

from advgame import assets
from advgame.errors import SeedError
from advgame.seeds import scenes
from advgame.seeds.rows import Row, read_file, read_json, read_text

UNIONS: Final[dict[str, tuple[str, ...]]] = {
    "harmful": ("harmful-plain", "harmbench", "strongreject", "advbench", "do-not-answer"),
    "benign": ("benign-edgy", "benign-everyday"),
}
"""Names that stand for several sets, in order: a text in two of them is taken from the first."""

BUNDLED: Final = ("harmful-plain", "benign-edgy", "benign-everyday")
"""Sets whose files are in this package: no download."""

SCENES: Final[dict[str, Callable[[], Iterator[Row]]]] = {
    "injection": scenes.injection,
    "injection-clean": scenes.clean,
}
"""Bundled sets of prompt injection: see `scenes`."""


def set_names() -> tuple[str, ...]:
    """Return every name of a set, unions included."""
    return (*UNIONS, *BUNDLED, *SCENES, *_READERS)


def read_set(name: str) -> Iterator[Row]:
    """Yield the rows of one set (no union), pulling its asset when it is not in the cache yet.

    Raises:
        SeedError: the set's file is not what was expected.
        AssetError: the asset cannot be had.
    """
    if name in SCENES:
        yield from SCENES[name]()
    elif name in BUNDLED:
        with as_file(files("advgame.seeds") / "data" / f"{name}.jsonl") as path:
            yield from read_file(path)
    else:
        yield from _READERS[name](assets.path(name))


def _advbench(path: Path) -> Iterator[Row]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster
    try:
        seeds = yaml.load(read_text(path), Loader=loader)["seeds"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise SeedError(f"{path}: not the AdvBench file that was expected") from error
    for number, seed in enumerate(seeds, start=1):
        category = seed.get("harm_categories", [""])[0]
        yield Row(f"{path} #{number}", {"text": seed["value"], "category": category})


def _harmbench(folder: Path) -> Iterator[Row]:
    """Standard behaviours only: contextual ones need a passage, copyright ones a classifier."""
    for file in sorted(folder.glob("*.csv")):
        for where, fields in read_file(file):
            if fields["FunctionalCategory"] == "standard":
                yield Row(
                    where, {"text": fields["Behavior"], "category": fields["SemanticCategory"]}
                )


def _strongreject(folder: Path) -> Iterator[Row]:
    """The full set; the small one is a part of it."""
    for where, fields in read_file(folder / "data" / "strongreject_dataset.csv"):
        yield Row(where, {**fields, "text": fields["forbidden_prompt"]})


def _do_not_answer(folder: Path) -> Iterator[Row]:
    """Two of five areas.

    The area of chatbot relations holds people who ask for help, that of misinformation mostly
    plain questions, and that of information hazard one question with the names of many companies:
    an answer with care is no harm.
    """
    for area in ("malicious_uses", "discrimination_exclusion_toxicity_hateful_offensive"):
        for where, fields in read_file(folder / f"{area}.jsonl"):
            yield Row(where, {"text": fields["prompt"], "category": area})


def _edgy_benign(folder: Path) -> Iterator[Row]:
    for file in sorted(folder.glob("*.json")):
        for number, fields in enumerate(read_json(file), start=1):
            yield Row(f"{file} #{number}", fields)


def _pairs(folder: Path) -> Iterator[Row]:
    """Benign requests in `text`, their harmful partners in `harmful`; replies are dropped."""
    for file in sorted(folder.glob("*.json")):
        for number, fields in enumerate(read_json(file), start=1):
            yield Row(
                f"{file} #{number}",
                {
                    "text": fields["text"].split("\n\n")[0],
                    "harmful": fields["harmful_version"].split("\n\n")[0],
                    "category": fields["domain"],
                },
            )


def _requests(field: str, file: str = "") -> Callable[[Path], Iterator[Row]]:
    """A reader of requests that stand alone, in `field` of the asset or of one of its files."""

    def read(path: Path) -> Iterator[Row]:
        for where, fields in read_file(path / file if file else path):
            yield Row(where, {"text": fields[field]})

    return read


def _alpaca_eval(path: Path) -> Iterator[Row]:
    for number, fields in enumerate(read_json(path), start=1):
        yield Row(f"{path} #{number}", {"text": fields["instruction"]})


_READERS: Final[dict[str, Callable[[Path], Iterator[Row]]]] = {
    "advbench": _advbench,
    "harmbench": _harmbench,
    "strongreject": _strongreject,
    "do-not-answer": _do_not_answer,
    "edgy-benign": _edgy_benign,
    "harmful-benign-pairs": _pairs,
    "truthfulqa": _requests("question"),
    "alpaca-eval": _alpaca_eval,
    "arena-hard": _requests("prompt", "question.jsonl"),
    "ifeval": _requests("prompt"),
    "ifbench": _requests("prompt"),
}
