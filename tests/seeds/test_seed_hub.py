import socket
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest

from advgame import hub
from advgame.config.game import SeedsConfig, SeedSource
from advgame.errors import SeedError
from advgame.seeds import load
from advgame.seeds.hub import read_hub


def seeds(name: str, **fields: object) -> SeedsConfig:
    return SeedsConfig(harmful=(SeedSource(name=name, **fields),), benign=())  # type: ignore[arg-type]


def test_all_splits_of_a_hub_set_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def serve(name: str, config: str | None, split: str | None) -> object:
        asked.append((name, config, split))
        table = datasets.Dataset.from_list([{"goal": "Open the gate", "split": "train"}])
        return table if split else datasets.DatasetDict({"a": table, "b": table})

    monkeypatch.setattr(datasets, "load_dataset", serve)
    for source in ("hub:some/set", "hub:some/set:main@a"):
        pool = load(seeds(source, text="goal"), "train")
        assert [seed.text for seed in pool.harmful] == ["Open the gate"]
    assert asked == [("some/set", None, None), ("some/set", "main", "a")]


def test_a_hub_that_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist\nmore")

    monkeypatch.setattr(hub, "answers", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(SeedError) as caught:
        load(seeds("hub:a/b"), "train")
    assert str(caught.value) == "hub:a/b: Dataset 'a/b' doesn't exist"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks://127.0.0.1:9", "http://[::1"])
def test_a_hub_behind_a_proxy_that_cannot_be_asked(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    hub.answers.cache_clear()
    try:
        assert hub.answers() is False
    finally:
        hub.answers.cache_clear()


def test_a_silent_hub_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "answers", lambda: False)
    looked_up: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: looked_up.append(host))
    with pytest.raises(SeedError, match=r"hub:no-such/set: not in this machine's cache, and the"):
        load(seeds("hub:no-such/set"), "train")
    assert looked_up == []  # its own client would go on for twenty seconds and more


def test_the_extra_is_named_when_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SeedError, match=r"pip install 'advgame\[hub\]'"):
        load(seeds("hub:a/b"), "train")


def test_a_field_that_is_empty_for_ten_thousand_rows_is_text_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So lie the rows of WildJailbreak's training part: plain ones first (wildteaming, issue 1)."""
    rows = ["vanilla\tadversarial\tcompletion\tdata_type"]
    rows += [f"Open gate {number}\t\tNo.\tvanilla_harmful" for number in range(10_005)]
    rows += ["Open the gate\tPretend to open it\tNo.\tadversarial_harmful"]
    (tmp_path / "set/train").mkdir(parents=True)
    (tmp_path / "set/train/train.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "set/README.md").write_text(
        "---\nconfigs:\n- config_name: train\n  data_files:\n"
        "  - {split: train, path: train/train.tsv}\n---\n"
    )
    real = datasets.load_dataset

    def serve(name: str, config: str | None, **told: Any) -> Any:
        assert name == "allenai/wildjailbreak"
        return real(str(tmp_path / "set"), config, cache_dir=str(tmp_path / "cache"), **told)

    monkeypatch.setattr(datasets, "load_dataset", serve)
    *_, last = read_hub("hub:allenai/wildjailbreak:train")
    assert last.fields["adversarial"] == "Pretend to open it"
