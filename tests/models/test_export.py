"""An exported player says what the player in the run says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command import call
from exported import FULL, greedy, said_by_player, train_loud
from peft import PeftModel
from training import logps, recorded
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from advgame.config import load
from advgame.errors import ModelError, StoreError
from advgame.models.export import export
from advgame.models.network import load_model, load_network
from advgame.types import Role


@pytest.fixture(scope="module", params=[(), FULL], ids=["adapter", "full"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_loud(tmp_path_factory.mktemp("export") / "run", *request.param)


def tokens_of_player(run: Path, role: Role, prompt: str) -> tuple[int, ...]:
    [completion] = said_by_player(run, role, greedy(prompt))
    return completion.token_ids


def said_by_export(model: torch.nn.Module, folder: Path, prompt: str) -> tuple[int, ...]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    drawn = model.generate(**asked, max_new_tokens=16, do_sample=False)
    return tuple(drawn[0, asked["input_ids"].shape[1] :].tolist())


@pytest.mark.parametrize("role", list(Role))
def test_merged_weights_say_what_the_player_says(run: Path, tmp_path: Path, role: Role) -> None:
    folder = export(run, tmp_path / "out", role=role)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    for prompt in ("hello", "what is a kite?"):
        assert said_by_export(model, folder, prompt) == tokens_of_player(run, role, prompt)
    assert json.loads((folder / "advgame.json").read_text())["role"] == role.value
    assert "Intended use" in (folder / "README.md").read_text()


def test_the_adapter_alone_says_the_same(run: Path, tmp_path: Path) -> None:
    if load(str(run)).defender.adapter is None:
        with pytest.raises(ModelError, match="fully fine-tuned and has no adapter"):
            export(run, tmp_path / "out", role=Role.DEFENDER, form="adapter")
        return
    folder = export(run, tmp_path / "out", role=Role.DEFENDER, form="adapter")
    base = load_model("tiny-random", torch.float32, torch.device("cpu"))
    model = PeftModel.from_pretrained(base, folder).merge_and_unload().eval()
    model.set_attn_implementation("sdpa")
    said = tokens_of_player(run, Role.DEFENDER, "hello")
    assert said_by_export(model, folder, "hello") == said


def test_what_the_base_draws_with_is_not_what_the_player_draws_with(tmp_path: Path) -> None:
    base = load_network("tiny-random", "float32", "cpu")
    base.model.generation_config = GenerationConfig(repetition_penalty=5.0, eos_token_id=3)
    base.model.save_pretrained(tmp_path / "base")
    base.tokenizer.save_pretrained(tmp_path / "base")
    own = tuple(f"{role}.model={tmp_path / 'base'}" for role in Role)
    run = train_loud(tmp_path / "run", *own, "defender.sampling.temperature=0.6")
    folder = export(run, tmp_path / "out", role=Role.DEFENDER)
    drawn = GenerationConfig.from_pretrained(folder)
    assert drawn.repetition_penalty in (None, 1.0)
    assert (drawn.do_sample, drawn.temperature, drawn.top_k) == (True, 0.6, 0)
    assert 3 in drawn.eos_token_id and base.tokenizer.eos_token_id in drawn.eos_token_id
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    for prompt in ("hello", "what is a kite?"):
        assert said_by_export(model, folder, prompt) == tokens_of_player(run, Role.DEFENDER, prompt)


def test_an_adapter_finds_its_base_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load_network("tiny-random", "float32", "cpu")
    base.model.save_pretrained(tmp_path / "base")
    base.tokenizer.save_pretrained(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    run = train_loud(tmp_path / "run", *(f"{role}.model=./base" for role in Role))
    folder = export(run, tmp_path / "out", role=Role.DEFENDER, form="adapter")
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == str(tmp_path / "base")


@pytest.mark.parametrize("named", ["{run} --step {step}", "{run}@{step}"])
@pytest.mark.parametrize("step", [1, 2])
def test_the_step_that_is_named_is_exported(
    run: Path, tmp_path: Path, step: int, named: str
) -> None:
    out = tmp_path / "out"
    line = named.format(run=run, step=step)
    assert call("export", *line.split(), str(out), "--role", "defender") == 0
    model = AutoModelForCausalLM.from_pretrained(out).eval()
    for at in (1, 2):
        said = said_by_player(run, Role.DEFENDER, greedy("hello"), step=at)
        same = torch.allclose(logps(model, said), recorded(said), atol=1e-4, rtol=0)
        assert same == (at == step)
    assert f", step {step} (" in (out / "README.md").read_text()


def test_an_existing_folder_is_not_touched(run: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="exists"):
        export(run, tmp_path, role=Role.DEFENDER)
    assert list(tmp_path.iterdir()) == []
