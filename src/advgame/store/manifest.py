"""The manifest that makes a checkpoint all-or-nothing: size and SHA-256 of every file in it.

`manifest.json` is the last file written into a checkpoint and carries a checksum of itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advgame.derive import file_digest
from advgame.errors import StoreError, UnreadableError
from advgame.store.atomic import write_json

NAME = "manifest.json"
FORMAT = 1


def write(folder: Path, step: int, metrics: Mapping[str, Any]) -> None:
    """Describe every file under `folder` in its manifest.

    Raises:
        StoreError: the disk refuses, or the folder holds something that is no plain file.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise StoreError(f"a checkpoint holds plain files only, not {path}")
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            files[name] = {"sha256": file_digest(path), "size": path.stat().st_size}
    body = {"format": FORMAT, "step": step, "metrics": dict(metrics), "files": files}
    write_json(folder / NAME, {**body, "checksum": _checksum(body)})


def read(folder: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint, without looking at the files it names.

    Raises:
        StoreError: it is missing, torn or altered.
        UnreadableError: the disk refuses, or it is of another format.
    """
    path = folder / NAME
    try:
        body = json.loads(path.read_bytes())
        claimed = body.pop("checksum")
        intact = claimed == _checksum(body)
    except FileNotFoundError:
        raise StoreError(f"{folder} is incomplete: it has no {NAME}") from None
    except (NotADirectoryError, IsADirectoryError) as error:
        raise StoreError(f"{path} is altered: {error.strerror}") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is torn or altered: {error}") from error
    if not intact:
        raise StoreError(f"{path} is altered: its own checksum differs")
    if body["format"] != FORMAT:
        raise UnreadableError(f"{path} has format {body['format']}; this advgame reads {FORMAT}")
    return dict(body)


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint after checking every file it names.

    Raises:
        StoreError: names the first file that is missing, of another size, or altered.
        UnreadableError: the disk refuses.
    """
    body = read(folder)
    for name, facts in body["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != facts["size"]:
                raise StoreError(f"{path} is torn: {size} bytes instead of {facts['size']}")
            if file_digest(path) != facts["sha256"]:
                raise StoreError(f"{path} is altered: its SHA-256 differs from the manifest")
        except FileNotFoundError:
            raise StoreError(f"{folder} is incomplete: it has no {name}") from None
        except (NotADirectoryError, IsADirectoryError) as error:
            raise StoreError(f"{path} is altered: {error.strerror}") from error
        except OSError as error:
            raise UnreadableError(f"{path} cannot be read: {error.strerror or error}") from error
    return body


def _checksum(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
