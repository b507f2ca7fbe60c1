"""A wheel downloaded over HTTP, going on where an interrupted download left off.

pip says where the file is, so the user's index, mirror and settings count; pip itself begins a file
anew. Whatever is in the way here is no error: `wheel.fetch` then lets pip download it.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from advgame.assets.record import Wheel

_TIMEOUT = 60.0  # seconds without a byte


def download(
    wheel: Wheel, half: Path, options: Sequence[str], progress: Callable[[int], None]
) -> bool:
    """Download `wheel` into `half`, from where that file ends.

    Args:
        wheel: which.
        half: what there is of it, if anything; it stays where the download is interrupted.
        options: pip's, which say which files will do.
        progress: called with the bytes there are.

    Returns:
        Whether all bytes are there; whether they are the right ones is not checked.

    Raises:
        OSError: the disk refuses.
    """
    have = half.stat().st_size if half.exists() else 0
    if have == wheel.size:
        return True
    url = _address(wheel, options)
    if url is None:
        return False
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    trusted = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    try:
        with httpx.stream(
            "GET", url, headers=asked, verify=trusted, follow_redirects=True, timeout=_TIMEOUT
        ) as answer:
            answer.raise_for_status()
            # A server that knows no ranges sends it all.
            with half.open("ab" if answer.status_code == 206 else "wb") as file:
                for block in answer.iter_raw():
                    file.write(block)
                    progress(file.tell())
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError):  # also: an odd proxy
        return False
    return half.stat().st_size == wheel.size


def _address(wheel: Wheel, options: Sequence[str]) -> str | None:
    """Where pip would download it from; None if pip has it at hand, or finds none.

    pip reads the wheel's metadata for that, a file of its own on PyPI. From an index that has no
    such files it downloads the wheel.
    """
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", *options),
        *("--quiet", "--report", "-", f"{wheel.package}=={wheel.version}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        url = json.loads(done.stdout)["install"][0]["download_info"]["url"]
    except (ValueError, LookupError, TypeError):
        return None
    return url if isinstance(url, str) and url.startswith(("https:", "http:")) else None
