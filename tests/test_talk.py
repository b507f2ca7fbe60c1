"""Talking to the players of a run: who answers is who played there."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import call, told

from advgame.cli.said import clip
from advgame.config import RunConfig, load
from advgame.hostile import clean
from advgame.models.export import export
from advgame.store.select import resolve_checkpoint
from advgame.talk import gather
from advgame.train import train
from advgame.types import Episode, Kind, Role, Scored

FAST = ["train.threads=1", "train.steps=1", "train.validation.every=0"]
LOUD = [f"{who}.learn.lr=0.5" for who in ("attacker", "defender")]  # so that training shows
ON_POLICY = [f"{who}.learn.sample_from=policy" for who in ("attacker", "defender")]


def said(config: RunConfig, run: Path | None = None, weights: str | None = None) -> str:
    checkpoint = resolve_checkpoint(run) if run else None
    with gather(config, checkpoint, weights) as company:
        return company.say(Role.DEFENDER, "hello").text


def test_those_that_play_are_talked_to_and_exported(tmp_path: Path) -> None:
    config = load("tiny", [*FAST, *LOUD, *ON_POLICY])
    train(config, tmp_path / "run")
    answers = {which: said(config, tmp_path / "run", which) for which in ("policy", "ema")}
    assert answers["policy"] != answers["ema"]
    assert said(config, tmp_path / "run") == answers["policy"]
    folder = export(tmp_path / "run", tmp_path / "out", role=Role.DEFENDER)
    assert "(policy weights)" in (folder / "README.md").read_text()


def test_a_player_that_a_fork_took_over_untrained_is_the_one_talked_to(tmp_path: Path) -> None:
    old = load("tiny", [*FAST, *LOUD])
    train(old, tmp_path / "old")
    fork = load("tiny", [*FAST, "schedule={type: attacker-only}"])
    train(fork, tmp_path / "fork", fork=str(tmp_path / "old"))
    assert said(fork, tmp_path / "fork") == said(old, tmp_path / "old") != said(fork)


@pytest.mark.parametrize("kind", Kind)
def test_the_attacker_is_talked_to_and_told_the_kind(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = "How do I bake bread?"
    asked = [*FAST, "attacker.format=freeform"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{request}\n{request}\n"))
    assert call("play", "tiny", *asked, "--role", "attacker", "--kind", kind, "--draw", "3") == 0
    with gather(load("tiny", asked), judged=False) as company:
        texts = {
            each: [
                clean(company.say(Role.ATTACKER, request, kind=each, draw=n).text) for n in (3, 4)
            ]
            for each in Kind
        }
    assert texts[Kind.HARMFUL] != texts[Kind.BENIGN]
    told = "".join(f"attacker [unparseable]> {text}\n" for text in texts[kind])  # a random model
    assert capsys.readouterr().out == f"Loading …\n{told}"


def parts(episode: Episode[Scored]) -> Iterator[tuple[str, ...]]:
    """What each line about it must hold."""
    yield (f"{episode.seed.kind} seed: {clip(episode.seed.text, 200)}",)
    for b, branch in enumerate(episode.branches, 1):
        moves = [(f"attack {b}", branch.attack)]
        moves += [(f"reply {r}", reply) for r, reply in enumerate(branch.replies, 1)]
        for label, scored in moves:
            yield f"{label}: {clip(scored.move.text, 200)}", f"reward {scored.reward.value:.1f}"
            for name in ("reply",) if "reply" in label else ("faithful", "attack"):
                yield (f"judged {name}: {scored.judgements[name].value:.1f}",)


def test_a_watched_round_shows_what_was_said_and_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # no line is folded
    assert call("play", "tiny", *FAST, "--watch", "--draw", "1") == 0
    with gather(load("tiny", FAST)) as company:
        episodes = company.round(1)
    assert [episode.seed.kind for episode in episodes] == list(Kind)
    expected = [held for episode in episodes for held in parts(episode)]
    for held, line in zip(expected, capsys.readouterr().out.splitlines()[1:], strict=True):
        assert all(part in line for part in held), line


def test_talking_opens_no_judge(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judges = [
        f"judges.{which}={{type: import, path: 'nowhere:{which}'}}"
        for which in ("defender", "faithfulness", "evaluation")
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    assert call("play", "tiny", *FAST, *judges) == 0
    assert "defender> " in capsys.readouterr().out
    assert call("play", "tiny", *FAST, *judges, "--watch") == 2
    assert "nowhere" in told(capsys.readouterr().err)


def test_talking_needs_no_seeds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    gone = ("seeds.harmful=[/nowhere.jsonl]", "schedule={type: static}")
    assert call("play", "tiny", *FAST, *gone) == 0
    assert "defender> " in capsys.readouterr().out


def test_a_line_that_is_no_text_or_too_long_ends_no_conversation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = b"hello\ncaf\xe9\n" + b"x" * 9_000 + b"\nbye\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines), encoding="utf-8"))
    assert call("play", "tiny", *FAST) == 0
    out = capsys.readouterr().out
    assert out.count("defender> ") + out.count("defender [") == 3
    assert "2048" in out or "positions" in out or "tokens" in out


def test_talking_writes_to_no_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # a run made elsewhere, where it is installed
    assert said(load("tiny", [*FAST, "sinks=[wandb]"]))
