"""The page as a file: what it holds, and what it can never do."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_run import HOSTILE, write_fake_run

from advgame.errors import StoreError
from advgame.report import build_report
from advgame.store.taught import note_fork
from advgame.types import Role


class Parsed(HTMLParser):
    """Tags, text, and scripts and styles of a page, as a browser's tokenizer would cut it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside = True
            self.blocks.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self.inside:
            attributes, before = self.blocks[-1]
            self.blocks[-1] = (attributes, before + data)
        else:
            self.text.append(data)

    def data(self, block: str) -> Any:
        return next(json.loads(text) for found, text in self.blocks if found.get("id") == block)


def parsed(run: Path) -> Parsed:
    return Parsed(build_report(run).read_text(encoding="utf-8"))


def test_page_asks_for_nothing_and_allows_nothing(run: Path) -> None:
    page = parsed(run)
    for tag, attributes in page.tags:
        assert tag not in {"img", "iframe", "object", "embed", "audio", "video", "base"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "xlink:href", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    style, script = page.blocks[0][1], page.blocks[-1][1]
    assert "url(" not in style and "@import" not in style
    policy = next(
        attributes["content"] or ""
        for _, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "connect-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for block in (style, script):
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_model_text_stays_text(run: Path) -> None:
    page = parsed(run)
    executable = [a for tag, a in page.tags if tag == "script" and "type" not in a]
    assert len(executable) == 1
    assert "window.pwned" not in page.blocks[-1][1]
    rollouts = json.dumps(page.data("data-rollouts"), ensure_ascii=False)
    assert "</script><script>window.pwned = 1</script>" in rollouts
    assert "red ⟨U+202E⟩desrever⟨U+202C⟩ {{ 7 * 7 }}" in rollouts
    whole = build_report(run).read_text(encoding="utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e\ufeff]", whole)
    assert whole.count("</script>") == 3  # two data blocks and the script


def test_scripts_never_parse_markup() -> None:
    folder = Path(__file__).parents[2] / "src/advgame/report/static"
    for script in folder.glob("*.js"):
        source = script.read_text(encoding="utf-8")
        for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert name not in source, script


def test_hostile_names_and_configuration_are_escaped(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "<b>run & 'co'", steps=1)
    config = run / "config.yaml"
    config.write_text(config.read_text() + f"# {HOSTILE[3]}\n", encoding="utf-8")
    page = parsed(run)
    assert "svg" not in {tag for tag, a in page.tags if a.get("onload")}
    assert "b" not in {tag for tag, _ in page.tags[:20]}
    assert "window.pwned=3" in "".join(page.text)


def test_long_run_stays_below_the_limit(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "long", steps=600, seeds=1, validations=5, questions=400)
    path = build_report(run)
    assert path.stat().st_size < 5_000_000
    rollouts = Parsed(path.read_text(encoding="utf-8")).data("data-rollouts")
    assert rollouts["of"] == 600 and len(rollouts["steps"]) == 12
    assert [each["step"] for each in rollouts["steps"]][::11] == [0, 599]


def test_long_texts_stay_below_the_limit(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "wordy", steps=12, validations=2)
    for path in (run / "episodes").iterdir():
        line = json.loads(path.read_text().splitlines()[0])
        line["branches"][0]["attack"]["move"]["text"] = "<'é🙂&> " * 2_000
        path.write_text((json.dumps(line) + "\n") * 40)
    for path in (run / "validation").iterdir():
        report = json.loads(path.read_text())
        for transcript in report["transcripts"]:
            transcript["reply"] = "<'é🙂&> " * 2_000
        path.write_text(json.dumps(report))
    page = build_report(run).read_text(encoding="utf-8")
    assert 1_000_000 < len(page.encode()) < 5_000_000
    for step in Parsed(page).data("data-rollouts")["steps"]:
        assert step["total"] == 40 > len(step["trees"]) > 0
        assert "more characters)" in step["trees"][0]["branches"][0]["attack"]["text"]
    transcripts = Parsed(page).data("data-transcripts")
    assert transcripts["of"] == 96 > len(transcripts["rows"]) > 0


def sections(page: Parsed) -> set[str]:
    return {attributes["id"] or "" for tag, attributes in page.tags if tag == "section"}


def test_finished_run_shows_everything(run: Path) -> None:
    assert sections(parsed(run)) == {
        "result", "transcripts", "held-out", "trade-off", "rewards", "learning", "faults", "judge",
        "audit", "diversity", "cost", "details", "rollouts", "reproduce",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("joint", "Attacker against Defender, trained jointly"),
        ("sequential", "Attacker against Defender, trained in turns"),
        ("selfplay", "One model as Attacker and Defender, trained by self-play"),
        ("static", "Defender trained against a fixed set of attacks"),
        ("attacker-only", "Attacker trained against a frozen Defender"),
        ("defender-only", "Defender trained against a frozen Attacker"),
        ("of an older version", "Attacker against Defender"),
    ],
)
def test_page_says_who_was_trained(tmp_path: Path, schedule: str, words: str) -> None:
    run = write_fake_run(tmp_path / "run", steps=1)
    config = run / "config.yaml"
    changed = yaml.safe_load(config.read_text()) | {"schedule": {"type": schedule}}
    config.write_text(yaml.safe_dump(changed))
    page = build_report(run).read_text(encoding="utf-8")
    assert f'<span class="eyebrow">{words}</span>' in page


@pytest.mark.parametrize("steps", [1, 2])
def test_short_runs(tmp_path: Path, steps: int) -> None:
    page = parsed(write_fake_run(tmp_path / "short", steps=steps, validations=2))
    assert {"transcripts", "rewards", "rollouts"} <= sections(page)


def test_run_without_validation(tmp_path: Path) -> None:
    page = parsed(write_fake_run(tmp_path / "blind", steps=3, validations=0, summary=False))
    assert "No validation was recorded" in "".join(page.text)
    assert not {"transcripts", "held-out"} & sections(page)


def test_run_that_has_not_begun(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "empty", steps=1)
    for folder in ("episodes", "validation"):
        shutil.rmtree(run / folder)
    for name in ("metrics.jsonl", "summary.json"):
        (run / name).unlink()
    page = parsed(run)
    assert sections(page) == {"result", "rollouts", "reproduce"}
    assert "No training step has been recorded yet." in "".join(page.text)


def test_run_still_going_with_a_torn_line(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "live", steps=6, summary=False)
    with (run / "metrics.jsonl").open("a") as out:
        out.write('{"step": 6, "attacker/ha')
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("steps: 6", "steps: 60"))
    assert "So far 6 training steps of 60 are recorded." in "".join(parsed(run).text)


def test_a_fork_says_what_it_was_forked_from(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "run", steps=2)
    note_fork(run, write_fake_run(tmp_path / "old one", steps=2), 40, {Role.DEFENDER})
    page = html.unescape(build_report(run).read_text(encoding="utf-8"))
    assert "<span>--from</span>" in page  # an option is not broken at its hyphens
    page = re.sub("</?span>", "", page)
    assert f"run-again --from '{tmp_path}/old one@40' --fresh attacker" in page


def test_a_run_that_its_budget_ended_is_over(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "spent", steps=6)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("steps: 6", "steps: 1000000"))
    text = "".join(parsed(run).text)
    assert "The run took 6 training steps." in text and "So far" not in text


def test_numbers_that_are_none_or_not_finite_are_left_out(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "odd", steps=3)
    metrics = run / "metrics.jsonl"
    line = json.loads(metrics.read_text().splitlines()[-1]) | {"step": 3}
    line |= {"attacker/loss": float("nan"), "defender/loss": None, "cost/flops": float("inf")}
    metrics.write_text(metrics.read_text() + json.dumps(line) + "\n")
    page = build_report(run).read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf|NaN|Infinity)\b", re.sub(r"<script>.*", "", page, flags=re.S))


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run folder"):
        build_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_page_is_replaced_whole(run: Path) -> None:
    first = build_report(run).read_bytes()
    assert build_report(run).read_bytes() == first
    assert not list(run.glob(".report*"))
