"""A download bar that appears only when the download takes a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

_QUIET_SECONDS = 2.0


class Bar:
    """Context manager; `update(bytes)` draws on standard error once two seconds have passed."""

    def __init__(self, title: str, total: int) -> None:
        self._start = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> Bar:
        return self

    def update(self, done: int) -> None:
        """Show that `done` bytes of the total have arrived."""
        if time.monotonic() - self._start < _QUIET_SECONDS:
            return
        self._progress.start()  # does nothing when already started
        self._progress.update(self._task, completed=done)

    def after(self, before: int) -> Callable[[int], None]:
        """Return an `update` that counts from `before`: the parts that are already here."""
        return lambda done: self.update(before + done)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress.live.is_started:  # stopping prints a line feed where there is no terminal
            self._progress.stop()
