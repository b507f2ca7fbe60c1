"""What every `PlayerWeights` promises."""

import pytest
import torch

from advgame.config.players import AdapterConfig, PlayerConfig
from advgame.errors import ModelError
from advgame.models.build import build_players
from advgame.types import Role

SETS = ("policy", "ema", "start", "sampler", "past")
KINDS = {"adapters": AdapterConfig(rank=4, first_layer=1), "full": None}


@pytest.fixture(params=sorted(KINDS))
def players(request):
    config = PlayerConfig(model="tiny-random", dtype="float32", adapter=KINDS[request.param])
    return build_players(config, config, seed=3)


@pytest.fixture
def weights(players):
    return players[Role.DEFENDER]


def logits(weights, name):
    ids = torch.arange(12)[None]
    with weights.use(name) as model, torch.no_grad():
        return model(input_ids=ids).logits.clone()


def disturb(weights):
    with torch.no_grad():
        for parameter in weights.parameters().values():
            parameter.add_(0.3)


def test_all_sets_are_equal_at_the_start(weights):
    first = logits(weights, "policy")
    for name in SETS:
        assert torch.equal(logits(weights, name), first)
        for key, tensor in weights.tensors(name).items():
            assert torch.equal(tensor, weights.parameters()[key])


def test_only_the_policy_follows_training(weights):
    before = logits(weights, "policy")
    disturb(weights)
    assert not torch.allclose(logits(weights, "policy"), before)
    for name in ("ema", "start", "sampler"):
        assert torch.equal(logits(weights, name), before)


def test_players_do_not_touch_each_other(players):
    before = logits(players[Role.ATTACKER], "policy")
    disturb(players[Role.DEFENDER])
    assert torch.equal(logits(players[Role.ATTACKER], "policy"), before)


def test_copy_makes_sets_compute_the_same_and_stay_apart(weights):
    disturb(weights)
    weights.copy("policy", "sampler")
    pushed = logits(weights, "policy")
    assert torch.equal(logits(weights, "sampler"), pushed)
    disturb(weights)
    assert torch.equal(logits(weights, "sampler"), pushed)


def test_average_moves_the_ema_by_one_minus_decay(weights):
    before = {k: t.clone() for k, t in weights.tensors("ema").items()}
    disturb(weights)
    weights.average(0.95)
    for key, tensor in weights.tensors("ema").items():
        expected = 0.95 * before[key] + 0.05 * weights.parameters()[key]
        torch.testing.assert_close(tensor, expected)


def test_gradients_reach_the_policy_and_nothing_else(players):
    weights = players[Role.DEFENDER]
    disturb(weights)
    with weights.use("policy") as model:
        model(input_ids=torch.arange(8)[None]).logits.logsumexp(-1).sum().backward()
        wanting = {id(p) for p in model.parameters() if p.requires_grad}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in weights.parameters().values())
    own = {id(p) for player in players.values() for p in player.parameters().values()}
    assert wanting <= own
    assert all(p.grad is None for p in players[Role.ATTACKER].parameters().values())


@pytest.mark.parametrize("name", ["ema", "start", "sampler"])
def test_no_gradient_is_wanted_in_the_other_sets(weights, name):
    assert not any(tensor.requires_grad for tensor in weights.tensors(name).values())


def test_use_is_in_eval_mode_and_nests(weights):
    disturb(weights)
    trained = logits(weights, "policy")
    with weights.use("policy") as model:
        assert not model.training
        logits(weights, "start")
        with torch.no_grad():
            assert torch.equal(model(input_ids=torch.arange(12)[None]).logits, trained)


def test_load_restores_what_tensors_gave(weights):
    kept = {k: t.clone() for k, t in weights.tensors("policy").items()}
    before = logits(weights, "policy")
    disturb(weights)
    weights.load("policy", kept)
    assert torch.equal(logits(weights, "policy"), before)


def test_load_refuses_what_does_not_fit_and_writes_nothing(weights):
    before = logits(weights, "policy")
    tensors = {k: torch.zeros_like(t) for k, t in weights.tensors("policy").items()}
    last = sorted(tensors)[-1]
    with pytest.raises(ModelError, match="shape"):
        weights.load("policy", {**tensors, last: torch.zeros(1, 1, 1)})
    with pytest.raises(ModelError, match="names differ"):
        weights.load("policy", {k: t for k, t in tensors.items() if k != last})
    assert torch.equal(logits(weights, "policy"), before)


def test_the_same_seed_makes_the_same_weights(weights):
    adapter = None if weights.first_trained_layer == 0 else KINDS["adapters"]
    config = PlayerConfig(model="tiny-random", dtype="float32", adapter=adapter)
    again = build_players(config, config, seed=3)[Role.DEFENDER]
    for key, tensor in again.tensors("policy").items():
        assert torch.equal(tensor, weights.parameters()[key])
