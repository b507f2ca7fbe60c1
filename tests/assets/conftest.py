"""Wheels made for a test."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from advgame.assets.record import Wheel

Build = Callable[[str, dict[str, bytes]], Wheel]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Make wheels that pip finds in a folder, and no index at all."""
    links = tmp_path / "links"
    links.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))

    def make(package: str, files: dict[str, bytes]) -> Wheel:
        base = f"{package.replace('-', '_')}-1.0"
        file = links / f"{base}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
            info = f"{base}.dist-info"
            meta = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
            archive.writestr(f"{info}/METADATA", meta + "Requires-Python: <3\n")
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        return Wheel(
            package=package,
            version="1.0",
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            size=file.stat().st_size,
        )

    return make
