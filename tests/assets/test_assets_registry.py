import json
from pathlib import Path

import pytest

from advgame import assets
from advgame.errors import AssetError


def test_names_are_assets() -> None:
    assert "smollm2-135m-instruct" in assets.names()
    assert all(assets.is_asset(name) for name in assets.names())
    assert not assets.is_asset("HuggingFaceTB/SmolLM2-135M-Instruct")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("harmbnch", "did you mean harmbench?"),
        ("SmolLM2-135M-Instruct", "did you mean smollm2-135m-instruct?"),
        ("zzz", "`advgame assets list` shows them all"),
    ],
)
def test_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(AssetError) as caught:
        assets.get(name)
    assert str(caught.value) == f"no asset is named {name!r}; {hint}"


@pytest.mark.parametrize("asset", assets.ASSETS.values(), ids=lambda asset: asset.name)
def test_records_are_complete(asset: assets.Asset) -> None:
    assert asset.licence and asset.note and asset.members
    assert all(len(wheel.sha256) == 64 and wheel.size > 0 for wheel in asset.wheels)
    if len(asset.wheels) > 1:
        assert asset.entry and len(asset.sha256) == 64
    assert asset.tests_only == asset.name.startswith("qwen")


def test_cache_dir_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVGAME_CACHE", str(tmp_path))
    assert assets.cache_dir() == tmp_path
    monkeypatch.delenv("ADVGAME_CACHE")
    assert assets.cache_dir().name == "advgame"


@pytest.mark.assets
def test_the_embedded_models_are_what_they_say() -> None:
    model = assets.path("smollm2-135m-instruct")
    with model.open("rb") as stream:
        assert stream.read(4) == b"GGUF"
    folder = assets.path("all-minilm-l6-v2")
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 384
    assert {"model.safetensors", "tokenizer.json"} <= {file.name for file in folder.iterdir()}
