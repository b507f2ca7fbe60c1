import importlib.metadata
import sys
from pathlib import Path

import pytest

from advgame import imports
from advgame.errors import ConfigError
from advgame.imports import load_object


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_loads_by_dotted_path() -> None:
    assert load_object("os.path:join", "g") is __import__("os").path.join
    assert load_object("pathlib:Path.home", "g") == Path.home


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nonexistent_package:thing", "no module 'nonexistent_package'"),
        ("os.nothing:thing", "no module 'os.nothing'"),
        ("statistics:meen", "did you mean 'mean'"),
        ("statistics:", "write it as package.module:name"),
        (":mean", "write it as package.module:name"),
        ("a b:c", "write it as package.module:name"),
        ("unknown", "nor an entry point of g"),
    ],
)
def test_says_what_is_missing(path: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_object(path, "g")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nonexistent_dependency", "needs the module 'nonexistent_dependency'"),
        ("def (:", "cannot be imported"),
        ("from os import nothing_of_that_name", "cannot be imported"),
        ("thing = undefined_name", "cannot be imported: NameError: name 'undefined_name'"),
    ],
)
def test_says_why_an_own_module_fails(folder: Path, source: str, says: str) -> None:
    (folder / "own_broken.py").write_text(source)
    with pytest.raises(ConfigError, match=says):
        load_object("own_broken:thing", "g")


def test_installed_modules_come_before_the_working_folder(folder: Path) -> None:
    (folder / "statistics.py").write_text("raise SystemExit('shadowed')")
    sys.modules.pop("statistics", None)
    assert load_object("statistics:mean", "g")([1, 3]) == 2


def test_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        importlib.metadata.EntryPoint("mean", "statistics:mean", "g"),
        importlib.metadata.EntryPoint("gone", "statistics:gone", "g"),
    ]
    monkeypatch.setattr(imports, "entry_points", lambda group: points if group == "g" else [])
    assert load_object("mean", "g")([1, 3]) == 2
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_object("gone", "g")
    with pytest.raises(ConfigError, match="did you mean 'mean'"):
        load_object("meen", "g")
