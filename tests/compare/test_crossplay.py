"""Players of real (tiny) runs meet; a best response is trained by the one loop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from command import call
from small_study import Words

from advgame.compare.crossplay import Contestant, contestants, cross_play, matrix
from advgame.compare.exploit import best_response, response_config
from advgame.config import load
from advgame.config.game import Counts
from advgame.errors import ConfigError
from advgame.evals.arena import MARKS, RunPlayers, attacks, meet, to_plain
from advgame.evals.subjects import held_out_seeds
from advgame.store.reader import open_readonly
from advgame.train import train
from advgame.types import Role

KEYS = (
    "train.threads=1",
    "train.validation.every=0",
    "train.steps=3",
    "train.save.keep_last=9",
    "attacker.learn.lr=0.05",
    "defender.learn.lr=0.05",
)


class StoppedError(Exception):
    """In the place of a kill."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joint run, and one that taught only its Defender, on small seed files."""
    folder = tmp_path_factory.mktemp("cross")
    seeds = []
    for kind in ("harmful", "benign"):
        rows = [
            {"text": f"{kind} request {number} about {split}", "split": split}
            for split in ("train", "validation", "test")
            for number in range(6)
        ]
        file = folder / f"{kind}.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        seeds.append(f"seeds.{kind}=[{file}]")
    train(load("tiny", [*KEYS, *seeds]), folder / "joint")
    train(load("tiny", [*KEYS, *seeds, "schedule.type=defender-only"]), folder / "alone")
    return folder


def test_checkpoints_of_several_runs_are_one_field(folder: Path) -> None:
    runs = {"joint": folder / "joint", "alone": folder / "alone"}
    attackers = [each.name for each in contestants(runs, Role.ATTACKER, None)]
    defenders = [each.name for each in contestants(runs, Role.DEFENDER, None)]
    assert attackers == ["joint@0", "joint@1", "joint@2", "joint@3"]  # the other's never learned
    assert defenders == [*attackers, "alone@1", "alone@2", "alone@3"]
    few = [each.name for each in contestants(runs, Role.DEFENDER, 2)]
    assert few == ["joint@0", "joint@1", "joint@3", "alone@1", "alone@3"]
    assert [each.name for each in contestants(runs, Role.ATTACKER, 1)] == ["joint@0", "joint@3"]


def test_signs_of_cycling_are_of_a_run_and_its_own_untrained_players() -> None:
    field = [
        Contestant(run, step, f"{run}{step}", f"{run}0") for run in ("a", "b") for step in (0, 1)
    ]
    outcomes = [["0000"] * 4 for _ in field]
    outcomes[0][1] = "1111"  # Defender 1 of a loses to the untrained Attacker
    found = matrix(field, field, outcomes)["cycling"]
    assert found["a"]["defender"]["mean"]["value"] == 1.0
    assert found["b"]["defender"]["mean"]["value"] == 0.0
    shared = [*field[:2], Contestant("b", 1, "b1", "a0")]  # equal players stand there once
    found = matrix(shared, shared, [row[:2] + row[3:] for row in (*outcomes[:2], outcomes[3])])
    assert [pair["earlier"] for pair in found["cycling"]["b"]["defender"]["pairs"]] == [0]


def test_a_matrix_that_was_stopped_goes_on(folder: Path, tmp_path: Path) -> None:
    runs = {"joint": folder / "joint"}
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if len(said) == 6:
            raise StoppedError

    with pytest.raises(StoppedError):
        cross_play(runs, seeds=5, most=2, cache=tmp_path / "b.json", say=stop)
    found = cross_play(runs, seeds=5, most=2, cache=tmp_path / "b.json", say=said.append)
    whole = cross_play(runs, seeds=5, most=2, cache=tmp_path / "w.json", say=lambda text: None)
    assert found == whole
    assert len(said) == 3 + 9 + 1  # each Attacker once, each cell once, and the one that stopped
    assert found["attackers"] == found["defenders"] == ["joint@0", "joint@1", "joint@3"]
    assert all(cell["n"] + cell["unscored"] == 5 for row in found["cells"] for cell in row)
    assert list(found["cycling"]) == ["joint"]
    with pytest.raises(ConfigError, match="other seeds"):
        cross_play(runs, seeds=4, most=2, cache=tmp_path / "w.json", say=said.append)


def test_every_prompt_passes_the_first_runs_check(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = load(
        "tiny",
        [
            "train.steps=1",
            "train.threads=1",
            "train.validation.every=0",
            "seed=5",
            "judges.faithfulness={type: similarity, harmful: 1.0, benign: 1.0}",
        ],
    )
    monkeypatch.setattr("advgame.world.build_embedder", lambda name: Words())
    train(strict, tmp_path / "strict")
    runs = {"joint": folder / "joint", "strict": tmp_path / "strict"}
    for order in (runs, dict(reversed(runs.items()))):
        cache = tmp_path / f"{next(iter(order))}.json"
        cross_play(order, seeds=5, most=1, cache=cache, say=lambda text: None)
        kept = json.loads(cache.read_text())["attacks"]
        faults = {each["fault"] for made in kept.values() for each in made}
        assert ("unfaithful" in faults) == (next(iter(order)) == "strict")


def test_a_fork_begins_as_the_players_it_took(folder: Path, tmp_path: Path) -> None:
    """Whatever was seated before: its untrained players are the other run's policies."""
    config = open_readonly(folder / "joint").config
    train(config, tmp_path / "fork", fork=str(folder / "joint"))
    runs = {"joint": folder / "joint", "fork": tmp_path / "fork"}
    for role in Role:
        names = [each.name for each in contestants(runs, role, 1)]
        assert names == ["joint@0", "joint@3", "fork@0", "fork@3"]
    cache = tmp_path / "both.json"
    found = cross_play(runs, seeds=5, most=1, cache=cache, say=lambda text: None)
    kept = json.loads(cache.read_text())["attacks"]
    attacker = {
        each.name: kept[key]
        for each in contestants(runs, Role.ATTACKER, 1)
        for key in kept
        if key.split(" ")[0] == each.id  # and by whose check
    }

    players = RunPlayers.of(folder / "joint")
    players.load(3)
    chosen = held_out_seeds(config, (), 5)["harmful"]
    seat = players.seat(Role.ATTACKER, "trained", "policy")
    made = asyncio.run(attacks(chosen, seat, players.check(), config.game.drift_ratio))
    assert attacker["fork@0"] == [to_plain(each) for each in made] != attacker["joint@0"]
    seat = players.seat(Role.DEFENDER, "trained", "policy")
    rows = asyncio.run(meet(chosen, made, seat, players.judge()))
    begun = "fork@0"
    cell = found["outcomes"][found["attackers"].index(begun)][found["defenders"].index(begun)]
    assert cell == "".join(MARKS[row["success"]] for row in rows)


def test_a_response_to_a_run_whose_seeds_come_back(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: laptop\nseeds: {again: {benign: 4}}\n")
    made = response_config(tmp_path / "mine.yaml", 250)
    assert made.seeds.direct == made.seeds.again == Counts()


def test_a_response_to_a_run_that_paid_its_attacker_for_nothing_is_paid(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: laptop\njudges: {attacker_scores: false}\n")
    assert response_config(tmp_path / "mine.yaml", 250).judges.attacker_scores


def test_a_best_response_is_trained_once_against_the_frozen_defender(folder: Path) -> None:
    made = response_config(folder / "joint", 250)
    assert (made.schedule.type, made.train.budget_tokens) == ("attacker-only", 250)
    steps = []
    found = best_response(
        folder / "joint", 2, tokens=250, seeds=5, threads=1, observer=steps.append
    )
    assert found["cost"]["sampled_tokens"] + found["cost"]["trained_tokens"] >= 250
    assert found["step"] == 2
    assert all(found[name]["n"] == 5 for name in ("untrained", "own", "best_response", "gap"))
    begun = len(steps)
    again = best_response(folder / "joint", 2, tokens=250, seeds=5, threads=1)
    assert again == found
    assert begun > 2
    alone = best_response(folder / "alone", tokens=60, seeds=5, threads=1)
    assert (alone["own"], alone["gap"]) == (None, None)


def test_the_command_plays_what_its_options_ask_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joint, alone = folder / "joint", folder / "alone"
    line = ["compare", str(joint), str(alone), "--seeds", "3"]
    played = [*line, "--cross-play", "--checkpoints", "1", "--exploit", "--tokens", "60"]
    out = tmp_path / "both.json"
    assert call(*played, "--json", "--out", str(out)) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found == json.loads(out.read_text())
    assert found["cross_play"]["attackers"] == ["joint@0", "joint@3"]
    assert found["cross_play"]["defenders"] == ["joint@0", "joint@3", "alone@3"]
    assert (joint / "cross-play-3.json").is_file()
    assert {
        cell["n"] + cell["unscored"] for row in found["cross_play"]["cells"] for cell in row
    } == {3}
    of_joint, of_alone = found["exploitability"]
    for each, run in ((of_joint, joint), (of_alone, alone)):
        assert (each["run"], each["step"], each["budget_tokens"]) == (str(run), 3, 60)
        assert each["gain"]["n"] == each["best_response"]["n"] == 3
        assert (run / "best-response" / "step-000003-60").is_dir()
    assert of_joint["gap"]["n"] == 3 and of_alone["gap"] is None
    assert "of 60 tokens" in told.err  # progress
    page = out.with_suffix(".html").read_text()
    assert "Cross-play" in page and "Exploitability" in page
    assert call(*played) == 0  # from what was kept, as tables
    printed = capsys.readouterr()
    assert "of 60 tokens" not in printed.err
    assert "Exploitability" in printed.out and "joint@3" in printed.out
    assert call(*line, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert not {"cross_play", "exploitability"} & set(plain)  # only where asked for
