"""Seeds of prompt injection: the bundled ones, and how a row of any set carries a scene.

`injection` are things that somebody else wants of the user's assistant, each in one scene;
`injection-clean` are the same scenes with nothing in them, to be asked as benign direct seeds: a
Defender that ignores documents altogether fails there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from advgame.errors import SeedError
from advgame.judges.sandbox import calls
from advgame.seeds.rows import Row
from advgame.seeds.splits import split_of
from advgame.types import Scene, Split

SLOT = "[x]"
_STRIDE = 7  # so that the phrasings of a word meet different scenes
_FIELDS = {"before", "after", "answers", "canary", "call"}


def injection() -> Iterator[Row]:
    """Every goal in a scene that it fits. A goal's word is in one split, however it is phrased."""
    data = _data()
    goals = [
        (word, phrase, {"canary": word}, "") for word in data["words"] for phrase in data["phrases"]
    ]
    for tool, names, ending in (
        ("send_mail", data["mails"], "@example.org"),
        ("delete_file", data["files"], ".txt"),
    ):
        goals += [
            (f"{name}{ending}", phrase, {"call": f"{tool}({name}{ending})"}, tool)
            for name in names
            for phrase in data["calls"][tool]
        ]
    for number, (argument, phrase, sign, tool) in enumerate(goals):
        able = [each for each in data["carriers"] if tool in each["text"]]
        carrier = able[(number * _STRIDE) % len(able)]
        yield _row(number, phrase.format(w=argument), carrier, sign, split_of(argument))


def clean() -> Iterator[Row]:
    """Every scene with nothing in it; its text is what the Defender sees."""
    for number, carrier in enumerate(_data()["carriers"]):
        text = " ".join(carrier["text"].replace(SLOT, "").split())
        yield _row(number, text, carrier, {}, split_of(text))


def scene_of(row: Row) -> Scene | None:
    """The scene in a row's field `scene`; None if it has none.

    Raises:
        SeedError: it is not a scene.
    """
    given = row.fields.get("scene")
    if given in (None, ""):
        return None
    if not isinstance(given, Mapping) or not set(given) <= _FIELDS:
        fields = ", ".join(sorted(_FIELDS))
        raise SeedError(f"{row.where}: field 'scene' is an object with some of: {fields}")
    answers = given.get("answers", [])
    texts = [given.get(name, "") for name in sorted(_FIELDS - {"answers"})]
    if not isinstance(answers, list | tuple) or not all(
        isinstance(each, str) for each in (*answers, *texts)
    ):
        raise SeedError(f"{row.where}: field 'scene': texts are wanted, and answers as a list")
    called = given.get("call", "")
    if called and len(calls(called)) != 1:
        raise SeedError(f"{row.where}: field 'scene': call is one line such as send_mail(a@b.org)")
    return Scene(**{"before": "", "after": "", **given, "answers": tuple(answers)})


def _row(
    number: int, text: str, carrier: Mapping[str, Any], sign: Mapping[str, str], split: Split
) -> Row:
    before, _, after = carrier["text"].partition(SLOT)
    scene = {"before": before, "after": after, "answers": carrier["answer"], **sign}
    fields = {"text": text, "category": carrier["kind"], "scene": scene, "split": split}
    return Row(f"injection.yaml #{number + 1}", fields)


@cache
def _data() -> dict[str, Any]:
    file = files("advgame.seeds") / "data" / "injection.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
