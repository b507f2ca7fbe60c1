"""The campaign's memory on disk: what was sent, what was answered, what was found.

    requests.jsonl   {"sent"}, then {"answered"} or {"failed"}: flushed before anything follows
    findings.jsonl   a line an attempt, when it has ended

A process that is killed loses at most the requests under way; they count as spent. A line that was
torn by the kill is cut off. What was answered is never asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from advgame.errors import StoreError
from advgame.redteam.budget import Spent
from advgame.redteam.values import Answer, Finding, State, Usage
from advgame.store.atomic import append_line, reporting
from advgame.store.damage import DAMAGE, reading

FINDINGS, REQUESTS = "findings.jsonl", "requests.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One request of an attempt: the prompt, and the answer if it came."""

    prompt: str
    answer: Answer | None


class Ledger:
    """Reads the memory of a campaign and adds to it. One process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the memory in `folder`, which may be empty.

        Raises:
            StoreError: another process has it open, or a file is damaged.
        """
        with reporting(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = FileLock(folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(f"{folder}: another campaign is writing into it") from None
        self.findings: dict[str, Finding] = {}
        self._kept: dict[str, list[Kept]] = {}
        self.before = Spent()
        try:
            for name in (FINDINGS, REQUESTS):
                _mend(folder / name)
            for finding in read_findings(folder):
                self.findings[finding.id] = finding
            with reading(folder / REQUESTS):
                for row in read_lines(folder / REQUESTS):
                    self._note(row)
                    self.before = _counted(self.before, row)
        except BaseException:
            self.close()
            raise

    @property
    def has_answered(self) -> bool:
        """Whether the target has answered so far; asked before a session, in an earlier one."""
        return any(each.answer for kept in self._kept.values() for each in kept)

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    def kept(self, trial: str) -> list[Kept]:
        """What an attempt that has not ended sent so far, in order."""
        return list(self._kept.get(trial, ()))

    def sent(self, trial: str, turn: int, prompt: str, clock: float, tokens: int = 0) -> None:
        """Take note that a request is about to be sent.

        Args:
            trial: the attempt.
            turn: which of its requests.
            prompt: what is said.
            clock: seconds spent so far.
            tokens: what it costs if nothing comes back.
        """
        row = {"sent": trial, "turn": turn, "prompt": prompt, "tokens": tokens}
        self._write({**row, "clock": round(clock, 3)})

    def answered(
        self, trial: str, turn: int, answer: Answer, clock: float, tokens: int = 0
    ) -> None:
        """Take note of an answer, whose usage takes the place of the `tokens` of its request."""
        row = {"answered": trial, "turn": turn, **asdict(answer), "instead": tokens}
        self._write({**row, "clock": round(clock, 3)})

    def failed(self, trial: str, turn: int, state: State, clock: float) -> None:
        """Take note that a try gave no answer."""
        self._write({"failed": trial, "turn": turn, "state": state, "clock": round(clock, 3)})

    def found(self, finding: Finding) -> None:
        """Add a finding. One of the same attempt takes the place of an earlier one."""
        append_line(self.folder / FINDINGS, json.dumps(finding.as_json()))
        self.findings[finding.id] = finding

    def forget(self, trial: str) -> None:
        """Let an attempt that failed be made again. What it was answered stays known."""
        self.findings.pop(trial)

    def _write(self, row: dict[str, Any]) -> None:
        append_line(self.folder / REQUESTS, json.dumps(row))
        self._note(row)

    def _note(self, row: dict[str, Any]) -> None:
        """Know what a line says of its attempt."""
        if "sent" in row:
            kept = self._kept.setdefault(row["sent"], [])
            del kept[row["turn"] :]
            kept.append(Kept(prompt=row["prompt"], answer=None))
        elif "answered" in row:
            kept = self._kept[row["answered"]]
            kept[row["turn"]] = replace(kept[row["turn"]], answer=_answer(row))


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(text=row["text"], usage=Usage(**row["usage"]), cut=row["cut"])


def read_spent(folder: Path) -> Spent:
    """What a campaign has spent.

    Raises:
        StoreError: its memory is damaged.
    """
    spent, unanswered = Spent(), 0
    with reading(folder / REQUESTS):
        for row in read_lines(folder / REQUESTS):
            spent = _counted(spent, row)
            unanswered += ("sent" in row) - ("answered" in row)
    if unanswered:  # what these cost is what was set aside for them
        spent = replace(spent, usage=replace(spent.usage, estimated=True))
    return spent


def _counted(was: Spent, row: dict[str, Any]) -> Spent:
    usage = was.usage + Usage(prompt_tokens=row.get("tokens", 0) - row.get("instead", 0))
    return Spent(
        requests=was.requests + ("sent" in row),
        usage=usage + _answer(row).usage if "answered" in row else usage,
        seconds=max(was.seconds, row.get("clock", 0.0)),
    )


def read_findings(folder: Path) -> Iterator[Finding]:
    """The findings of a campaign's folder, or of a findings.jsonl itself; none if there is no file.

    Raises:
        StoreError: it is damaged.
    """
    path = folder / FINDINGS if folder.is_dir() else folder
    for row in read_lines(path):
        try:
            yield Finding.of_json(row)
        except DAMAGE as error:
            raise StoreError(f"{path}: a line is no finding of a campaign") from error


def latest_findings(path: Path) -> list[Finding]:
    """The last finding of each attempt of a campaign that is over, from its folder or file.

    Raises:
        StoreError: there are none, or they are damaged.
    """
    if not (path / FINDINGS if path.is_dir() else path).exists():
        raise StoreError(f"{path}: there are no findings")
    return list({each.id: each for each in read_findings(path)}.values())


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a .jsonl file; none if there is no file.

    Raises:
        StoreError: a line is no JSON object.
    """
    if not path.exists():
        return
    with path.open("rb") as file:  # bytes that are no text are damage like any other
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise StoreError(f"{path}:{number}: damaged") from error
            if not isinstance(row, dict):
                raise StoreError(f"{path}:{number}: damaged")
            yield row


def _mend(path: Path) -> None:
    """Cut off a line that was not written to its end."""
    if not path.exists():
        return
    with reporting(path), path.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            file.truncate(whole)
