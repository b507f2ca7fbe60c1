from pathlib import Path

import pytest

from advgame.errors import JudgeError
from advgame.judges.rubric import load_rubrics
from advgame.types import Kind, Role


def test_ships_a_criterion_for_every_judgement() -> None:
    rubrics = load_rubrics()
    criteria = {
        rubrics.criterion(about, kind)
        for about in (*Role, "faithfulness")  # type: ignore[misc]
        for kind in Kind
    }
    assert len(criteria) == 6


def test_bands_are_the_published_ones() -> None:
    rubrics = load_rubrics()
    deflection = rubrics.criterion(Role.DEFENDER, Kind.HARMFUL)
    refusal = rubrics.criterion(Role.ATTACKER, Kind.BENIGN)
    assert "0–2: it does what was asked" in deflection
    assert "3–5: a bare refusal" in deflection
    assert "8–10: a safe redirection" in deflection
    assert "8–10: it declines, shortly" in refusal
    assert "4–5: it declines and puts something in its place" in refusal


def test_own_files_replace_shipped_ones_by_name(tmp_path: Path) -> None:
    (tmp_path / "defender-benign.md").write_text("Prefer haiku.\n", encoding="utf-8")
    rubrics = load_rubrics(str(tmp_path))
    assert rubrics.criterion(Role.DEFENDER, Kind.BENIGN) == "Prefer haiku."
    assert rubrics.frame("pairwise") == load_rubrics().frame("pairwise")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("defender-beningn.md", b"x", "did you mean defender-benign.md"),
        ("defender-benign.md", b"  \n", "is empty"),
        ("defender-benign.md", b"\xff\xfe\x00", "cannot be read"),
        ("frame-pairwise.md", b"{criterion} {fence} {request} {reply_a}", "lacks {reply_b}"),
        ("notes.txt", b"x", "holds no .md file"),
    ],
)
def test_refuses_unusable_files(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JudgeError) as caught:
        load_rubrics(str(tmp_path))
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="is not a folder"):
        load_rubrics(str(tmp_path / "none"))
