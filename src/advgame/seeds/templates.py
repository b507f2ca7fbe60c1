"""Fixed jailbreak wrappers: texts with a slot for the request.

`templates` are this package's own, mild and generic; the others are public collections read from
packaged assets at run time. Half of each is for training against (the `static` schedule), the
other half for evaluation; wrappers that open alike are in the same half.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, Literal, TypeAlias

import yaml

from advgame import assets
from advgame.errors import SeedError
from advgame.seeds.rows import read_file, read_json, read_text
from advgame.seeds.splits import normal

Half: TypeAlias = Literal["train", "test"]

BUNDLED: Final = "templates"
PUBLIC: Final = ("pyrit-jailbreaks", "in-the-wild-jailbreaks")

_SLOT: Final = "{seed}"
_JINJA_RAW = re.compile(r"\{%-?\s*(?:raw|endraw)\s*-?%\}")
_JINJA_SLOT = re.compile(r"\{\{\s*prompt\s*\}\}")
_WILD_SLOT = re.compile(
    r"[\[{<(]+\s*(?:insert|enter|your|put|user)?[\w\s']{0,12}"
    r"(?:prompt|question|request|query|instruction)s?(?:\s+here)?\s*[\]}>)]+",
    re.IGNORECASE,
)
_OPENING = 60  # characters of the normal form


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A wrapper, cut at its slots: the request goes between the pieces."""

    name: str
    source: str
    half: Half
    pieces: tuple[str, ...]

    def fill(self, request: str) -> str:
        """Return the wrapper around `request`, whose own braces mean nothing."""
        return request.join(self.pieces)


def template_names() -> tuple[str, ...]:
    """Return the names that `load_templates` takes."""
    return (BUNDLED, *PUBLIC)


def load_templates(name: str = BUNDLED, half: Half | None = None) -> tuple[Template, ...]:
    """Return the wrappers of a collection, or one half of them, ordered by name.

    Raises:
        SeedError: unknown name, or a file that is not what was expected.
        AssetError: a public collection cannot be had.
    """
    readers = {BUNDLED: _bundled, PUBLIC[0]: _pyrit, PUBLIC[1]: _wild}
    if name not in readers:
        raise SeedError(f"no templates are named {name!r}; there are {', '.join(readers)}")
    found = sorted(readers[name](), key=lambda template: template.name)
    return tuple(template for template in found if half in (None, template.half))


def _bundled() -> Iterator[Template]:
    with as_file(files("advgame.seeds") / "data" / "templates.jsonl") as path:
        for _, fields in read_file(path):
            yield Template(
                name=fields["name"],
                source=BUNDLED,
                half=fields["half"],
                pieces=tuple(fields["text"].split(_SLOT)),
            )


def _pyrit() -> Iterator[Template]:
    folder = assets.path("pyrit-jailbreaks")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(folder.rglob("*.yaml")):
        try:
            fields = yaml.load(read_text(file), Loader=loader)
            parameters, text = fields["parameters"], fields["value"]
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise SeedError(f"{file}: not the jailbreak template that was expected") from error
        if parameters == ["prompt"]:  # a few need more than the request
            # Split, never rendered: the files are not ours, and Jinja is a language.
            pieces = tuple(_JINJA_SLOT.split(_JINJA_RAW.sub("", text)))
            yield _public(_relative(file, folder), "pyrit-jailbreaks", pieces)


def _wild() -> Iterator[Template]:
    """Prompts as they were posted; where none marks its slot, the request follows the text."""
    for number, text in enumerate(read_json(assets.path("in-the-wild-jailbreaks"))):
        pieces = tuple(_WILD_SLOT.split(text))
        if len(pieces) == 1:
            pieces = (f"{text}\n\n", "")
        yield _public(f"{number:03d}", "in-the-wild-jailbreaks", pieces)


def _public(name: str, source: str, pieces: tuple[str, ...]) -> Template:
    opening = normal(" ".join(pieces))[:_OPENING]
    odd = hashlib.blake2b(opening.encode(), digest_size=1).digest()[0] % 2
    return Template(name=name, source=source, half="test" if odd else "train", pieces=pieces)


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()
