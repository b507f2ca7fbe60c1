"""What the documents say is so: links, commands, configuration, presets, quoted code."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest
import typer

from advgame.cli.app import app
from advgame.config import RunConfig, load, preset_names, preset_summary
from advgame.config.keys import all_keys

ROOT = Path(__file__).resolve().parent.parent
DOCS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [path for path in DOCS if path.name != "cli.md"]  # cli.md is generated, and checked so
HOW_TOS = [*sorted((ROOT / "docs/howto").glob("*.md")), ROOT / "docs/configuration.md"]
KEYS = {key.path for key in all_keys()}


def ident(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code(text: str) -> str:
    """Fenced blocks, indented blocks and code spans, a line each."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", rest)]
    text = "\n".join([*fenced, *re.findall(r"^ {4}(\S.*)$", rest, re.MULTILINE), *spans])
    return text.replace("\\\n", " ")  # a shell's line that goes on


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("path", DOCS, ids=ident)
def test_links_resolve(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    for target, _, anchor in (link.partition("#") for link in links if "://" not in link):
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}: no such heading"


@pytest.mark.parametrize("path", WRITTEN, ids=ident)
def test_commands_parse(path: Path) -> None:
    lines = (line.strip() for line in code(path.read_text("utf-8")).splitlines())
    for line in lines:
        words = shlex.split(line, comments=True) if re.match(r"(\S*/)?advgame ", line) else []
        if words and words[1:] != ["--help"]:
            parse(words[1:])


def parse(words: list[str]) -> None:
    """Parse a command line and run nothing. A bare command's name is a mention of it."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if command.invoke_without_command and not (words and words[0][0] != "-"):
            break  # a group that is a command, too
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    if words:
        command.make_context("advgame", list(words)).close()
    for before, word in zip(["", *words], words, strict=False):
        if before == "--budget":
            continue  # bounds of its own
        if key := re.match(r"([a-z_]+(?:\.[a-z_]+)*)=", word):
            assert key[1] in KEYS, f"no configuration key {key[1]}"


@pytest.mark.parametrize("path", HOW_TOS, ids=ident)
def test_keys_exist(path: Path) -> None:
    """A dotted name in code that begins like a key is one; `learn.lr` is short for a player's."""
    parts = {part for key in KEYS for part in key.split(".")}
    for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)\b(?![/(*])", path.read_text("utf-8")):
        if name.split(".")[0] in parts and not name.endswith((".py", ".yaml", ".jsonl")):
            assert any(f".{key}".endswith(f".{name}") for key in KEYS), f"no key {name}"


@pytest.mark.parametrize("path", HOW_TOS, ids=ident)
def test_yaml_is_a_configuration(path: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block if "extends:" in block else f"extends: laptop\n{block}", "utf-8")
        assert load(file) != RunConfig()


def test_readme_lists_every_preset() -> None:
    table = re.findall(r"^\| `(.+?)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert table == [(name, preset_summary(name)) for name in preset_names()]


def test_the_quoted_loop_is_the_loop() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    quoted = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(quoted) == 1
    source = (ROOT / "src/advgame/train.py").read_text("utf-8")
    assert textwrap.indent(quoted[0], "    ") in source


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/howto").glob("*.md")]
    named = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", index)}
    assert {page for page in pages if page.name != "index.md"} <= named


def test_every_decision_is_in_their_index() -> None:
    folder = ROOT / "docs/adr"
    index = (folder / "README.md").read_text("utf-8")
    decisions = sorted(folder.glob("0*.md"))
    for number, path in enumerate(decisions, start=1):
        assert path.name.startswith(f"{number:04d}-")
        assert path.read_text("utf-8").startswith(f"# {number}. ")
        assert f"[{number}]({path.name})" in index
