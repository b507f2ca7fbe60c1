"""Progress bars on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what moves a bar: (name, done, of). Nothing is shown before the first move."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_interactive:  # it would show an empty line and nothing else
        yield lambda name, done, of: None
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    rows: dict[str, int] = {}

    def move(name: str, done: int, of: int) -> None:
        bar.start()
        if name not in rows:
            rows[name] = bar.add_task(name, total=of)
        bar.update(rows[name], completed=done, total=of)  # type: ignore[arg-type]

    try:
        yield move
    finally:
        if rows:
            bar.stop()
