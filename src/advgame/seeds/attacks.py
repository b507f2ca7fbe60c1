"""Fixed attacks for the `static` schedule: seed id → the prompts that wrap that seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from advgame.errors import SeedError
from advgame.paths import expanded
from advgame.seeds.rows import Row, read_file
from advgame.seeds.splits import seed_id
from advgame.seeds.templates import Half, Template, load_templates, template_names
from advgame.types import Seed


class Wrapped(Mapping[str, tuple[str, ...]]):
    """Every seed in every template, filled when asked for: the product would not fit memory."""

    def __init__(self, seeds: Iterable[Seed], templates: tuple[Template, ...]) -> None:
        self._texts = {seed.id: seed.text for seed in seeds}
        self._templates = templates

    def __getitem__(self, key: str) -> tuple[str, ...]:
        text = self._texts[key]
        return tuple(template.fill(text) for template in self._templates)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def load_attacks(
    name: str, seeds: Iterable[Seed], half: Half = "train"
) -> Mapping[str, tuple[str, ...]]:
    """Return the attacks on `seeds`, by seed id; a seed that has none is left out.

    `name` is a collection of templates (of which `half` is used) or a .jsonl or .csv file with
    the fields `prompt` and either `seed_id` or `seed` (the seed's text). Rows about other seeds
    are passed over, so one file serves every split.

    Raises:
        SeedError: the file is missing or malformed, or holds no attack on these seeds.
    """
    if name in template_names():
        return Wrapped(seeds, load_templates(name, half))
    wanted: dict[str, list[str]] = {}  # by id and by text: one text may stand in several scenes
    count = 0
    for seed in seeds:
        count += 1
        for key in {seed.id, seed_id(seed.text)}:
            wanted.setdefault(key, []).append(seed.id)
    attacks: dict[str, tuple[str, ...]] = {}
    for row in read_file(expanded(name)):
        prompt = row.fields.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise SeedError(f"{row.where}: field 'prompt' holds no text")
        for key in wanted.get(_key(row), ()):
            attacks[key] = (*attacks.get(key, ()), prompt)
    if not attacks:
        raise SeedError(f"{name}: no attack on any of the {count} seeds in use")
    return attacks


def _key(row: Row) -> str:
    key, text = row.fields.get("seed_id"), row.fields.get("seed")
    if isinstance(key, str) and key:
        return key
    if isinstance(text, str) and text.strip():
        return seed_id(text)
    raise SeedError(f"{row.where}: needs 'seed_id' or 'seed' (the text) to say what it attacks")
