"""Which networks are loaded, and what adapters may be asked for."""

import pytest
import torch

from advgame.config.players import AdapterConfig, OpenAIEngine, PlayerConfig
from advgame.errors import ModelError
from advgame.models.adapters import AdapterWeights
from advgame.models.build import build_players
from advgame.models.full import FullWeights
from advgame.types import Role


def player(**options):
    adapter = AdapterConfig(rank=4, **options.pop("layers", {}))
    return PlayerConfig(
        **{"model": "tiny-random", "dtype": "float32", "adapter": adapter} | options
    )


def test_adapters_share_one_frozen_base():
    one, two = build_players(player(), player(layers={"first_layer": 2}), seed=0).values()
    assert one.network is two.network
    assert (one.first_trained_layer, two.first_trained_layer) == (0, 2)
    assert not any(".layers.0." in name or ".layers.1." in name for name in two.parameters())
    a, b = one.tensors("policy"), two.tensors("policy")
    drawn = [name for name in b if "lora_A" in name]
    assert drawn and not any(torch.equal(a[name], b[name]) for name in drawn)


def test_another_dtype_needs_another_base():
    one, two = build_players(player(), player(dtype="bfloat16"), seed=0).values()
    assert one.network is not two.network
    assert {t.dtype for t in two.tensors("policy").values()} == {torch.float32}


def test_full_fine_tuning_has_a_network_of_its_own():
    players = build_players(player(), player(adapter=None), seed=0)
    assert isinstance(players[Role.ATTACKER], AdapterWeights)
    assert isinstance(players[Role.DEFENDER], FullWeights)
    assert players[Role.ATTACKER].network is not players[Role.DEFENDER].network


def test_a_full_policy_in_bfloat16_is_kept_in_float32():
    weights = build_players(player(), player(adapter=None, dtype="bfloat16"), seed=0)[Role.DEFENDER]
    kept = {name: next(iter(weights.tensors(name).values())).dtype for name in ("policy", "ema")}
    assert kept == {"policy": torch.float32, "ema": torch.float32}
    assert next(iter(weights.tensors("sampler").values())).dtype == torch.bfloat16
    with weights.use("policy") as model:
        assert model(input_ids=torch.arange(5)[None]).logits.dtype == torch.bfloat16
    for name in ("ema", "start", "sampler"):
        for key, tensor in weights.tensors(name).items():
            assert torch.equal(tensor.float(), weights.parameters()[key]), f"{name}: {key}"


def test_selfplay_is_one_object_in_both_roles():
    players = build_players(player(), player(), seed=0, shared=True)
    assert players[Role.ATTACKER] is players[Role.DEFENDER]


def test_a_player_behind_an_endpoint_has_no_weights_here():
    remote = player(engine=OpenAIEngine(base_url="http://127.0.0.1:1/v1"))
    assert list(build_players(player(), remote, seed=0)) == [Role.ATTACKER]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"first_layer": 3}, r"adapter\.first_layer=3: model 'tiny-random' has 3 layers"),
        ({"targets": ("no_such",)}, r"no module is named no_such; check adapter\.targets"),
    ],
)
def test_an_adapter_that_does_not_fit_is_one_line(layers, message):
    with pytest.raises(ModelError, match=message) as caught:
        build_players(player(), player(layers=layers), seed=0)
    assert "\n" not in str(caught.value)


def test_an_adapter_is_saved_as_peft_loads_it(tmp_path):
    """Names and scale are peft's own: its loader computes the same logits."""
    from peft import PeftModel
    from safetensors.torch import save_file

    from advgame.models.network import load_network

    weights = build_players(player(), player(layers={"first_layer": 1}), seed=0)[Role.DEFENDER]
    with torch.no_grad():
        for parameter in weights.parameters().values():
            parameter.add_(0.2)
    save_file(weights.tensors("policy"), tmp_path / "adapter_model.safetensors")
    weights.lora_config.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(load_network("tiny-random", "float32").model, str(tmp_path))
    ids = torch.arange(20)[None]
    with weights.use("policy") as model, torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, loaded(input_ids=ids).logits)
