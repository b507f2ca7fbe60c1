"""Seed sets → one pool of seeds for a split.

All sets of both kinds are read, copies of a text are dropped across all of them, and what is left
is divided by the text alone (see `splits`), so the splits are disjoint whatever is combined.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast, get_args

from advgame import assets
from advgame.config.game import SeedsConfig, SeedSource
from advgame.errors import SeedError
from advgame.paths import expanded
from advgame.seeds.hub import read_hub
from advgame.seeds.rows import Row, read_file
from advgame.seeds.scenes import scene_of
from advgame.seeds.sets import UNIONS, read_set, set_names
from advgame.seeds.splits import scene_id, seed_id, split_of, topic
from advgame.types import Kind, Seed, Split

_SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPool:
    """The seeds of one split, each kind ordered by id."""

    harmful: tuple[Seed, ...]
    benign: tuple[Seed, ...]

    def of(self, kind: Kind) -> tuple[Seed, ...]:
        """Return the seeds of a kind."""
        return self.harmful if kind is Kind.HARMFUL else self.benign


@dataclass(frozen=True, slots=True)
class _Found:
    seed: Seed
    where: str
    split: Split | None  # said by the row itself


def load(
    config: SeedsConfig, split: Split | None, needed: Collection[Kind] = tuple(Kind)
) -> SeedPool:
    """Return the pool of a split; None = of all of them.

    A text listed more than once is kept once: the first of its copies, harmful sets before benign
    ones. In another scene it is another seed, in the same split. A row may carry its own `split`,
    which then also holds for other texts on the same topic that carry none.

    Raises:
        SeedError: a set is unknown, unreadable or malformed (with file and line), a field does
            not exist, a text is blank or has two splits, or a kind in `needed` has sets, no seed.
        AssetError: a packaged set cannot be had.
    """
    found: dict[str, _Found] = {}
    firsts: dict[str, _Found] = {}  # that say their split, by text: it is one in all scenes
    for kind, sources in ((Kind.HARMFUL, config.harmful), (Kind.BENIGN, config.benign)):
        for item in _read(sources, kind):
            first = found.setdefault(item.seed.id, item)
            if not item.split:
                continue
            other = firsts.setdefault(seed_id(item.seed.text), item)
            if item.split != other.split:
                raise SeedError(
                    f"{item.where}: in split {item.split}, but {other.where} has the same text "
                    f"in {other.split}"
                )
            if not first.split:
                found[item.seed.id] = _Found(first.seed, first.where, item.split)
    said = {topic(item.seed.text): item.split for item in found.values() if item.split}
    pool: dict[Kind, list[Seed]] = {Kind.HARMFUL: [], Kind.BENIGN: []}
    for _, item in sorted(found.items()):
        text = item.seed.text
        near = said.get(topic(text)) if said else None
        if split is None or (item.split or near or split_of(text)) == split:
            pool[item.seed.kind].append(item.seed)
    for kind, sources in ((Kind.HARMFUL, config.harmful), (Kind.BENIGN, config.benign)):
        if sources and kind in needed and not pool[kind]:
            place = "" if split is None else f" in split {split}"
            total = sum(item.seed.kind is kind for item in found.values())
            raise SeedError(
                f"seeds.{kind}: no seed{place} ({total} in all splits of "
                f"{', '.join(_source(source).name for source in sources)}); add seeds or sets"
            )
    return SeedPool(harmful=tuple(pool[Kind.HARMFUL]), benign=tuple(pool[Kind.BENIGN]))


def check(config: SeedsConfig) -> None:
    """Read one's own files, as `load` would; sets known by name and of the hub are left alone.

    Raises:
        SeedError: a set is unknown, or a file is unreadable, malformed or without a seed.
    """
    for kind, sources in ((Kind.HARMFUL, config.harmful), (Kind.BENIGN, config.benign)):
        for each in sources:
            source = _source(each)
            if not _is_known(source.name) and not sum(1 for _ in _read([each], kind)):
                told = ", ".join(f"{key}: {value}" for key, value in source.where.items())
                which = f" with {told}" if told else ""
                raise SeedError(f"{source.name}: holds no row{which}; seeds.{kind} names it")


def _is_known(name: str) -> bool:
    return name in set_names() or name.startswith("hub:")


def _read(sources: Iterable[str | SeedSource], kind: Kind) -> Iterator[_Found]:
    for each in sources:
        source = _source(each)
        for name, row in islice(_matching(_rows(source.name), source), source.limit):
            text, scene = _text(row, source.text), scene_of(row)
            yield _Found(
                seed=Seed(
                    id=seed_id(text) if scene is None else scene_id(text, scene),
                    text=text,
                    kind=kind,
                    source=name,
                    category=_category(row, source.category),
                    scene=scene,
                ),
                where=row.where,
                split=_split(row),
            )


def _source(source: str | SeedSource) -> SeedSource:
    return SeedSource(name=source) if isinstance(source, str) else source


def _rows(name: str) -> Iterator[tuple[str, Row]]:
    """Yield rows with the set they come from; a union is read as its members."""
    for member in UNIONS.get(name, (name,)):
        for row in _open(member):
            yield member, row


def _open(name: str) -> Iterator[Row]:
    if name in set_names():
        return read_set(name)
    if name.startswith("hub:"):
        return read_hub(name)
    path = expanded(name)
    if path.suffix in (".jsonl", ".csv") or (name and path.exists()):
        return read_file(path)
    if name in assets.names():
        raise SeedError(
            f"{name} is an asset without requests that stand alone; sets of seeds are "
            f"{', '.join(set_names())}, or give a .jsonl or .csv file"
        )
    near = difflib.get_close_matches(name, set_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"known sets: {', '.join(set_names())};"
    raise SeedError(f"no seed set is named {name!r}; {hint} or give a .jsonl or .csv file")


def _matching(rows: Iterator[tuple[str, Row]], source: SeedSource) -> Iterator[tuple[str, Row]]:
    for name, row in rows:
        if all(_equal(_field(row, key), value) for key, value in source.where.items()):
            yield name, row


def _equal(value: Any, wanted: str | bool | int | float) -> bool:
    """As text, since a CSV file holds nothing else; true is JSON's, YAML's and Python's."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).lower() == str(wanted).lower()
    return str(value) == str(wanted)


def _field(row: Row, name: str) -> Any:
    if name in row.fields:
        return row.fields[name]
    near = difflib.get_close_matches(name, row.fields, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(row.fields) or 'none'}"
    raise SeedError(f"{row.where}: no field {name!r}; {hint}")


def _text(row: Row, field: str) -> str:
    value = _field(row, field)
    if value is None or (isinstance(value, str) and not _shows(value)):
        raise SeedError(f"{row.where}: field {field!r} holds no text")
    if not isinstance(value, str):
        raise SeedError(f"{row.where}: field {field!r} is of type {type(value).__name__}, not text")
    return value.strip()


def _shows(text: str) -> bool:
    """Whether anything of it can be seen: a zero-width space is no request."""
    return any(each.isprintable() and not each.isspace() for each in text)


def _category(row: Row, field: str | None) -> str:
    value = row.fields.get("category") if field is None else _field(row, field)
    return "" if value is None else str(value)


def _split(row: Row) -> Split | None:
    value = row.fields.get("split")
    if value in (None, ""):
        return None
    if value not in _SPLITS:
        raise SeedError(f"{row.where}: split {value!r} is none of {', '.join(_SPLITS)}")
    return cast(Split, value)
