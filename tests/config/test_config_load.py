"""Loading, overriding, validating and dumping configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

from advgame.config import dump, load
from advgame.errors import ConfigError


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.steps=50", "train.steps", 50),
        ("attacker.learn.lr=1e-4", "attacker.learn.lr", 1e-4),
        ("attacker.learn.lr=1E-4", "attacker.learn.lr", 1e-4),
        ("attacker.learn.lr=.5", "attacker.learn.lr", 0.5),
        ("attacker.learn.lr=2", "attacker.learn.lr", 2.0),
        ("attacker.adapter=null", "attacker.adapter", None),
        ("pool={share: 0.5}", "pool.share", 0.5),
        ("pool.share=0.5", "pool.share", 0.5),
        ("sinks=[tensorboard, wandb]", "sinks", ("tensorboard", "wandb")),
        ("attacker.learn.betas=[0.8, 0.9]", "attacker.learn.betas", (0.8, 0.9)),
        ("seeds.harmful=[a.jsonl]", "seeds.harmful", ("a.jsonl",)),
        ("defender.system=off", "defender.system", "off"),
        ("defender.system='a: b'", "defender.system", "a: b"),
        ("defender.system=k=v", "defender.system", "k=v"),
        ("defender.system=", "defender.system", None),
        ("name=2026-11-23", "name", "2026-11-23"),
    ],
)
def test_override(override: str, key: str, value: object) -> None:
    found: object = load("laptop", [override])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.stepz=3"], "unknown key train.stepz; did you mean train.steps?"),
        (["trian.steps=3"], "unknown key trian; did you mean train?"),
        (["lr=1e-3"], "unknown key lr; did you mean attacker.learn.lr?"),
        (
            ["attacker.learn.objective.btea=1"],
            "unknown key attacker.learn.objective.btea (in type dpo); "
            "did you mean attacker.learn.objective.beta?",
        ),
        (["train.steps=abc"], 'train.steps = "abc": should be a valid integer'),
        (["train.steps=true"], "train.steps = true: should be a valid integer"),
        (["train.steps='50'"], 'train.steps = "50": should be a valid integer'),
        (["train.steps=0"], "train.steps = 0: should be greater than or equal to 1"),
        (["train.lag=2"], "train.lag = 2: should be 0 or 1"),
        (["attacker.learn.lr=1e999"], "attacker.learn.lr = inf: must be finite"),
        (["attacker.learn.lr=.nan"], 'attacker.learn.lr = ".nan": should be a valid number'),
        (["attacker=3"], "attacker = 3: should be an object"),
        (["pool.share=2"], "pool.share = 2: should be less than or equal to 1"),
        (["schedule.type=joined"], "schedule.type = 'joined': must be one of 'joint',"),
        (["judges.attacker.mode=pointwise"], "judges.attacker: give its type too"),
        (["attacker.engine.type=openai"], "attacker.engine.base_url: required"),
        (["seeds.harmful=[{name: a, txt: b}]"], "did you mean seeds.harmful.0.text?"),
        (["seeds.harmful=a.jsonl"], "did you mean seeds.harmful=[a.jsonl]?"),
        (["schedule=sequential"], "did you mean schedule.type=sequential?"),
        (
            ["game.attacker_reward={path: 'a:b'}"],
            "(in type judged); it needs game.attacker_reward.type=import",
        ),
        (["train.steps"], "override 'train.steps': expected key=value"),
        (["=3"], "override '=3': expected key=value"),
        (["train..steps=3"], "override 'train..steps=3': expected key=value"),
        (["sinks=[x"], "override 'sinks=[x': the value is not valid YAML"),
        (["sinks=" + "[" * 1500], "the value is not valid YAML"),
        (["sinks=!!set {a}"], "no plain type"),
        (["sinks=!!python/object:os.system {}"], "the value is not valid YAML"),
    ],
)
def test_wrong_override(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("laptop", overrides)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "seeds.harmful=[{name: a, limit: 0}]",
            "seeds.harmful.0.limit = 0: should be greater than or equal to 1",
        ),
        ("seeds.harmful=[3]", "seeds.harmful.0 = 3: should be a valid string or an object"),
        (
            "train.threads=many",
            "train.threads = \"many\": should be a valid integer or 'auto'",
        ),
        (
            "game.attacker_reward={type: import, path: 'a:b', options: {x: [1]}}",
            "game.attacker_reward.options.x = [1]: should be a valid string or a valid integer or "
            "a valid number or a valid boolean",
        ),
    ],
)
def test_a_key_of_several_types_is_told_once(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("laptop", [override])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; write at least one key"),
        ("# only a comment\n", "empty; write at least one key"),
        (b"\x7fELF\xff\xfe", "not a text file"),
        ("a: [1\n", ":2: not valid YAML"),
        ("a\x00b", "not valid YAML"),
        ("- 1\n- 2\n", "expected keys and values, found list"),
        ("hello", "expected keys and values, found str"),
        ("seed: 1\nname: a\nseed: 2\n", ":3: not valid YAML: key 'seed' is given twice"),
        ("train: {steps: 1, steps: 2}", "key 'steps' is given twice"),
        ("extends: nope", "nope: no such preset or file"),
        ("extends: 3", "extends must name one preset or file, not 3"),
        ("extends: mine.yaml", "extends itself"),
        ("[" * 1500, "nested too deeply"),
        ("x" * 1_100_000, "larger than 1 MB"),
        ("train: 5", "train = 5: should be an object"),
        ("1: 2", "unknown key 1"),
        ("a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n", "and 2 more problems"),
    ],
)
def test_wrong_file(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 4


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("dmeo", "no such preset or file; did you mean demo?"),
        ("paper/qwen2.5-7b", "did you mean paper/qwen2.5-7b-"),
        ("absent.yaml", "absent.yaml: no such configuration file"),
        (".", "without config.yaml"),
        ("zzz", "`advgame presets` lists them"),
    ],
)
def test_missing_source(source: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(source)
    assert message in str(caught.value)


def test_unreadable_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError):
        load(loop)


def test_file_extends_preset_and_overrides_win(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: demo\ntrain: {steps: 7, save: {every: 3}}\n")
    config, demo = load(path, ["train.steps=9"]), load("demo")
    assert (config.train.steps, config.train.save.every) == (9, 3)
    assert config.attacker == demo.attacker
    assert config.train.save.keep_last == demo.train.save.keep_last
    assert (config.name, demo.name) == ("mine", "demo")


def test_file_extends_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("seed: 5\n")
    assert load(write(tmp_path, "extends: base.yaml\n")).seed == 5


def test_changing_type_drops_the_keys_of_the_old_type() -> None:
    config = load("laptop", ["attacker.learn.objective.type=ipo"])
    assert config.attacker.learn.objective.model_dump() == {
        "type": "ipo",
        "beta": 0.1,
        "length_normalised": False,
        "nll": 0.0,
        "entropy": 0.0,
        "kl": 0.0,
    }


@pytest.mark.parametrize("flip", [False, True])
def test_type_and_key_in_either_order(flip: bool) -> None:
    overrides = ["attacker.learn.objective.type=ipo", "attacker.learn.objective.beta=0.2"]
    config = load("laptop", overrides[::-1] if flip else overrides)
    assert config.attacker.learn.objective.beta == 0.2


def test_naming_the_same_type_keeps_the_other_keys() -> None:
    config = load("laptop", ["attacker.learn.objective.type=dpo"])
    assert config.attacker.learn.objective == load("laptop").attacker.learn.objective


def test_later_override_wins() -> None:
    assert load("laptop", ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("text", ["off", "1e-4", "null", "1:30", "010", "~", "", " x ", "a\n# b"])
def test_dump_keeps_text_that_looks_like_something_else(tmp_path: Path, text: str) -> None:
    config = load("tiny")
    config = config.model_copy(
        update={"defender": config.defender.model_copy(update={"system": text})}
    )
    assert load(write(tmp_path, dump(config))).defender.system == text


def test_a_run_folder_is_a_source(tmp_path: Path) -> None:
    run = tmp_path / "run-3"
    run.mkdir()
    (run / "config.yaml").write_text(dump(load("tiny", ["seed=4", "name=x"])))
    config = load(run)
    assert (config.seed, config.name) == (4, "x")
