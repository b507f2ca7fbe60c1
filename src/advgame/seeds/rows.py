"""Rows of a seed file, each with the place it came from. Files are text, never code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from advgame.errors import SeedError


class Row(NamedTuple):
    """One record of a set. `where` names it in messages."""

    where: str
    fields: Mapping[str, Any]


def read_file(path: Path) -> Iterator[Row]:
    """Yield the rows of a .jsonl or .csv file.

    Raises:
        SeedError: missing, a folder, not text, or a line that does not parse.
    """
    if path.suffix == ".csv":
        yield from _csv(path)
    elif path.suffix == ".jsonl":
        yield from _jsonl(path)
    else:
        raise SeedError(f"{path}: seeds are read from .jsonl and .csv files only")


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        SeedError: it is missing, a folder, unreadable, or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SeedError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise SeedError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if "\0" in text:
        raise SeedError(f"{path}: a binary file, not text")
    return text


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        SeedError: unreadable, or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise SeedError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{path}: not JSON ({_why(error)})") from error


def _jsonl(path: Path) -> Iterator[Row]:
    # Not str.splitlines: JSON strings may hold U+2028 and its like unescaped.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SeedError(f"{where}: not a JSON object ({_why(error)})") from error
        if not isinstance(fields, dict):
            raise SeedError(f"{where}: a {type(fields).__name__}, not a JSON object")
        yield Row(where, fields)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    # All else that `json` raises: an integer of more digits than Python reads.
    return "nested too deep" if isinstance(error, RecursionError) else "a number of too many digits"


def _csv(path: Path) -> Iterator[Row]:
    # Not str.splitlines: fields may hold U+2028 and its like, which end no line of a CSV file.
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for fields in reader:
            where = f"{path}:{reader.line_num}"
            if None in fields:
                raise SeedError(f"{where}: more values than the header has fields")
            yield Row(where, fields)
    except csv.Error as error:
        raise SeedError(f"{path}:{reader.line_num}: not CSV ({error})") from error
