"""Whatever is wrong: exit code 2, a few lines that say what, where and what to do, nothing left.

Every row is a command line as a user types it, run by the real command in this process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import call, files, told

from advgame import hub

Captured = pytest.CaptureFixture[str]
TINY = "train tiny train.threads=1 train.steps=1 train.validation.every=0 --out run"
JUDGE = "judges.defender={type: generative, model: m, engine: {type: openai, base_url: %s}}"
EMBEDDED = "judges.defender={type: embedded, name: %s}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with everything a clumsy user may have lying about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(hub, "answers", lambda: False)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    return tmp_path


FILES = {
    "empty.yaml": b"",
    "comment.yaml": b"# nothing but this\n",
    "binary.yaml": bytes(range(256)),
    "zero.yaml": b"\0\0\0",
    "list.yaml": b"[1, 2]\n",
    "torn.yaml": b"train: {steps: 1",
    "twice.yaml": b"seed: 1\nseed: 2\n",
    "tab.yaml": b"train:\n\tsteps: 2\n",
    "self.yaml": b"extends: self.yaml\n",
    "base.yaml": b"extends: nowhere\n",
    "unknown.yaml": b"extends: tiny\ngame: {replies_per_promt: 2}\n",
    "blank.jsonl": b'{"text": "  "}\n',
    "unseen.jsonl": b'{"text": "\\u200b"}\n',
    "number.jsonl": b'{"text": 7}\n',
    "field.jsonl": b'{"txt": "a question"}\n',
    "torn.jsonl": b'{"text": "a"}\n{"text": \n',
    "list.jsonl": b"[1]\n",
    "binary.jsonl": bytes(range(256)),
    "empty.jsonl": b"",
    "one.jsonl": b'{"text": "How do kites fly?"}\n',
    "seeds.txt": b"How do kites fly?\n",
    "open.csv": b'text\n"How do kites fly?\n',
    "itself.yaml": b"train: &all {steps: *all}\n",
    "laughs.yaml": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefg"),
    "day.yaml": b"seed: !!timestamp 2020-99-99\n",
    "digits.jsonl": b'{"text": ' + b"1" * 5_000 + b"}\n",
}


def refused(capsys: Captured, here: Path, before: list[str]) -> str:
    """What was said, after checking its form and that nothing was left."""
    assert files(here) == before
    return told(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # keys
        ("train tiny train.stepz=3", "unknown key train.stepz; did you mean train.steps?"),
        ("train tiny trian.steps=3", "unknown key trian; did you mean train?"),
        ("train tiny defender.lr=1", "unknown key defender.lr; did you mean"),
        ("train unknown.yaml", "did you mean game.replies_per_prompt?"),
        # types and values
        ("train tiny train.steps=abc", 'train.steps = "abc": should be a valid integer'),
        ("train tiny train.steps=1.5", "train.steps = 1.5: should be a valid integer"),
        ("train tiny train=3", "train = 3: should be an object"),
        ("train tiny train.steps=", "train.steps = null"),
        ("train tiny train.steps=0", "greater than or equal to 1"),
        ("train tiny seed=-1", "seed = -1: should be greater than or equal to 0"),
        ("train tiny attacker.learn.lr=nan", "attacker.learn.lr"),
        ("train tiny attacker.sampling.top_p=2", "less than or equal to 1"),
        ("train tiny seed=1" + 400 * "0", "seed: an integer of more than 30 digits"),
        ("train tiny seed=1" + 5000 * "0", "the value is not valid YAML"),
        ("train tiny defender.learn.betas=[0.9,1.0]", "betas.1 = 1.0: should be less than 1"),
        ("train tiny defender.learn.lr=1e300", "defender.learn.lr = 1e+300: should be less than"),
        ("train tiny defender.adapter.alpha=1e300", "should be less than or equal to 1000000"),
        ("train tiny train.threads=0", "train.threads = 0: use auto, or a number from 1 to"),
        ("train tiny train.threads=100000", "train.threads = 100000: use auto"),
        ("train tiny name=../../x", "name = '../../x': it names a folder below runs/"),
        ("train tiny defender.format=plian", "no format 'plian'; use one of"),
        ("train tiny game.replies_per_prompt=1", "needs at least 2"),
        ("train tiny seeds.harmful=[]", "seeds.harmful is empty; name a set or use 0"),
        ("train tiny sinks=[tensorbored]", "should be 'tensorboard'"),
        # overrides
        ("train tiny steps", "override 'steps': expected key=value"),
        ("train tiny =3", "expected key=value"),
        ("train tiny a..b=3", "expected key=value"),
        ("train tiny train.steps=[1", "the value is not valid YAML"),
        # presets and files
        (f"train {300 * 'a'}.yaml", "File name too long"),
        (f"train tiny --out {300 * 'a'}", "File name too long"),
        (f"report {300 * 'a'}", "File name too long"),
        ("train Tiny", "no such preset or file; did you mean tiny?"),
        ("train ablation/pointwise", "did you mean ablations/pointwise?"),
        ("train paper/qwen2.5-7b-dpo", "did you mean paper/qwen2.5-7b-dpo-md?"),
        ("train absent.yaml", "absent.yaml: no such configuration file"),
        ("train folder", "folder: a folder without config.yaml"),
        ("train empty.yaml", "empty.yaml: empty; write at least one key"),
        ("train comment.yaml", "comment.yaml: empty"),
        ("train binary.yaml", "binary.yaml: not a text file"),
        ("train zero.yaml", "zero.yaml: not valid YAML"),
        ("train list.yaml", "list.yaml: expected keys and values, found list"),
        ("train torn.yaml", "torn.yaml:1: not valid YAML"),
        ("train twice.yaml", "twice.yaml:2: not valid YAML: key 'seed' is given twice"),
        ("train tab.yaml", "tab.yaml:2: not valid YAML"),
        ("train self.yaml", "self.yaml: extends itself"),
        ("train base.yaml", "nowhere: no such preset or file"),
        ("train itself.yaml", "itself.yaml: not valid YAML: more than 100,000 values"),
        ("train laughs.yaml", "laughs.yaml: not valid YAML: more than 100,000 values"),
        ("train day.yaml", "day.yaml: not valid YAML: month must be in 1..12"),
        # what is no run
        ("report folder", "folder is not a run folder: it has no config.yaml"),
        ("report empty.yaml", "empty.yaml is not a run folder: it is a file"),
        ("report nowhere", "nowhere is not a run folder: it does not exist"),
        ("view folder", "folder is not a run folder"),
        ("measure folder", "folder is not a run folder"),
        ("measure nowhere@3", "nowhere is not a run folder"),
        ("play folder", "folder: a folder without config.yaml"),
        ("play tiny --step 3", "--step 3: tiny is no run folder"),
        # a dry run refuses what it can without weights and network
        ("train tiny --dry-run defender.model=./nowhere", "model './nowhere': no such folder"),
        ("train tiny --dry-run defender.model=harmbench", "is a packaged data set"),
        ("train tiny --dry-run seeds.harmful=[nope]", "no seed set is named 'nope'"),
        ("train tiny --dry-run seeds.benign=[blank.jsonl]", "blank.jsonl:1: field 'text' holds no"),
        ("train tiny --dry-run --from folder", "folder is not a run folder"),
        ("export folder out --role defender", "folder is not a run folder"),
        ("assets pull ../../etc/passwd", "no asset is named '../../etc/passwd'"),
        ("config explain train.stepz", "did you mean train.steps?"),
    ],
)  # fmt: skip
def test_refused_at_once(line: str, expected: str, capsys: Captured, here: Path) -> None:
    before = files(here)
    assert call(*line.split(" ")) == 2
    assert expected in refused(capsys, here, before)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("defender.model=./nowhere", "model './nowhere': no such folder"),
        ("defender.model=folder", "the folder has no config.json"),
        ("defender.model=one.jsonl", "is a file; give the folder"),
        ("defender.model=some/model", "the Hugging Face hub cannot be reached"),
        ("defender.model=smollm2-135m-instrct", "did you mean 'smollm2-135m-instruct'?"),
        ("defender.adapter.first_layer=9", "model 'tiny-random' has 3 layers"),
        ("defender.adapter.targets=[nope]", "no module is named nope"),
        ("seeds.harmful=[nope]", "no seed set is named 'nope'"),
        ("seeds.harmful=[harmbenc]", "did you mean harmbench?"),
        ("seeds.harmful=[absent.jsonl]", "absent.jsonl: no such file"),
        ("seeds.harmful=[blank.jsonl]", "blank.jsonl:1: field 'text' holds no text"),
        ("seeds.harmful=[unseen.jsonl]", "unseen.jsonl:1: field 'text' holds no text"),
        ("seeds.harmful=[~nobody-here/x.jsonl]", "~nobody-here/x.jsonl: no such file"),
        ("defender.model=~nobody-here/x", "~nobody-here/x"),
        ("seeds.harmful=[number.jsonl]", "number.jsonl:1: field 'text' is of type int"),
        ("seeds.harmful=[field.jsonl]", "field.jsonl:1: no field 'text'; did you mean 'txt'?"),
        ("seeds.harmful=[torn.jsonl]", "torn.jsonl:2: not a JSON object"),
        ("seeds.harmful=[list.jsonl]", "list.jsonl:1: a list, not a JSON object"),
        ("seeds.harmful=[binary.jsonl]", "binary.jsonl: not UTF-8 text"),
        ("seeds.harmful=[digits.jsonl]", "digits.jsonl:1: not a JSON object (a number of too many"),
        ("seeds.harmful=['']", "no seed set is named ''"),
        (
            "defender.sampling.max_new_tokens=2048",
            "leaves no room for a prompt in the 2048 positions",
        ),
        ("seeds.harmful=[empty.jsonl]", "no seed in split train (0 in all splits"),
        ("seeds.harmful=[one.jsonl]", "no seed in split"),
        ("seeds.harmful=[seeds.txt]", "seeds are read from .jsonl and .csv files only"),
        ("seeds.harmful=[open.csv]", "open.csv:1: not CSV"),
        ("seeds.harmful=[folder]", "seeds are read from .jsonl and .csv files only"),
        ("schedule={type: static, attacks: absent.jsonl}", "absent.jsonl: no such file"),
        ("judges.defender={type: import, path: 'nowhere:judge'}", "no module 'nowhere'"),
        ("judges.defender={type: import, path: 'json:dumps'}", "cannot be called"),
        (JUDGE % "nonsense", "'nonsense' is not an http(s) address"),
        (
            JUDGE % "http://127.0.0.1:9/v1, key_env: NO_SUCH_KEY",
            "the environment variable NO_SUCH_KEY is not set",
        ),
        (
            "defender.engine={type: openai, base_url: 'http://127.0.0.1:9/v1'}",
            "an endpoint cannot be trained",
        ),
        ("judges.defender={type: generative, model: m, rubrics: nowhere}", "nowhere is not a"),
        ("judges.defender={type: generative, model: folder}", "the folder has no config.json"),
    ],
)
def test_refused_before_the_run_begins(
    override: str, expected: str, capsys: Captured, here: Path
) -> None:
    before = files(here)
    assert call(*TINY.split(), override) == 2
    assert expected in refused(capsys, here, before)
    assert not (here / "run").exists()


@pytest.mark.assets
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([EMBEDDED % "z"], "embedded judge 'z' not found: use one of a, b"),
        (
            [EMBEDDED % "a", "judges.evaluation={type: embedded, name: a}"],
            "judges.evaluation is the judge that trains",
        ),
        ([EMBEDDED % "a, embedder: nope"], "sentence encoder 'nope' cannot be loaded"),
        ([EMBEDDED % "a, embedder: folder"], "sentence encoder 'folder' cannot be loaded"),
        (["defender.model=harmbench"], "is a packaged data set"),
    ],
)
def test_refused_with_packaged_models(
    overrides: list[str], expected: str, capsys: Captured, here: Path
) -> None:
    before = files(here)
    assert call(*TINY.split(), *overrides) == 2
    assert expected in refused(capsys, here, before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete model folder."""
    from advgame.models.tiny import tiny_model, tiny_tokenizer

    folder = tmp_path_factory.mktemp("model") / "good"
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    tiny_model(tokenizer, "eager").save_pretrained(folder)
    return folder


def edit(name: str, **changes: Any) -> Callable[[Path], None]:
    """Change keys of a JSON file; None removes one."""

    def change(folder: Path) -> None:
        value = json.loads((folder / name).read_text()) | changes
        (folder / name).write_text(json.dumps({k: v for k, v in value.items() if v is not None}))

    return change


def write(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: void((folder / name).write_text(content))


def void(_: object) -> None:
    """Drop a value."""


def no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def torn_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no template": (no_template, "its tokenizer has no chat template"),
    "bad template": (write("chat_template.jinja", "{{ nope("), "its chat template is broken"),
    "torn config": (write("config.json", "{"), "not a valid JSON file"),
    "empty tokenizer": (write("tokenizer.json", "{}"), "is a file damaged?"),
    "torn weights": (torn_weights, "is a file damaged?"),
    "no safetensors": (pickled, "no file named model.safetensors"),
    "other shapes": (edit("config.json", hidden_size=32), "do not have the shapes"),
    "more layers": (edit("config.json", num_hidden_layers=4), "weights lack 9 tensors"),
    "own code": (
        edit("config.json", model_type="own", auto_map={"AutoConfig": "own.Config"}),
        "code of its own, which advgame does not run",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_model_is_named(what: str, model: Path, capsys: Captured, here: Path) -> None:
    damage, expected = DAMAGE[what]
    shutil.copytree(model, here / "model")
    damage(here / "model")
    before = files(here)
    assert call(*TINY.split(), "defender.model=./model") == 2
    err = refused(capsys, here, before)
    assert "model './model'" in err
    assert expected in err


def test_out_of_memory_says_what_to_lower(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, here: Path
) -> None:
    import torch

    from advgame import train

    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")):

        def full(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(train, "build_world", full)
        before = files(here)
        assert call(*TINY.split()) == 2
        assert "out of memory: lower engine.batch_tokens" in refused(capsys, here, before)
