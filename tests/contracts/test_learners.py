"""What every `Learner` promises, and what those that hold weights promise besides."""

import math
from functools import partial

import pytest
import torch
from left import assert_same
from training import adapters, credited, full, pairs

from advgame.config.players import DPOConfig, GRPOConfig, IPOConfig, LearnConfig
from advgame.errors import StoreError
from advgame.learn import LocalLearner
from advgame.protocols import Learner
from advgame.testing import RecordingLearner

OBJECTIVES = {
    "dpo": DPOConfig(nll=0.1, entropy=0.01),
    "ipo": IPOConfig(length_normalised=True),
    "grpo": GRPOConfig(importance_cap=None),  # so that its surrogate falls as it is followed
}
WEIGHTS = {
    "adapters": adapters,
    "adapters-bfloat16": partial(adapters, dtype="bfloat16"),
    "full": full,
    "full-bfloat16": partial(full, dtype="bfloat16"),
}


@pytest.fixture(params=sorted(OBJECTIVES))
def objective(request):
    return OBJECTIVES[request.param]


@pytest.fixture
def batch(objective):
    """Makes the examples that the objective learns from, by a seed."""
    return credited if objective.type == "grpo" else pairs


@pytest.fixture(params=sorted(WEIGHTS))
def local(request, objective):
    """Builds a learner that holds weights."""
    return partial(_local, WEIGHTS[request.param], objective)


@pytest.fixture(params=[*sorted(WEIGHTS), "recording"])
def make(request, objective):
    """Builds a learner of any sort."""
    if request.param == "recording":
        return RecordingLearner
    return partial(_local, WEIGHTS[request.param], objective)


def _local(weights, objective):
    config = LearnConfig(objective=objective, lr=3e-3, micro_batch_tokens=64)
    return LocalLearner(weights(), config, total_updates=8)


def saved(learner, folder):
    """Save into a folder made for it, as the store does; return the folder."""
    folder.mkdir()
    learner.save(folder)
    return folder


def everything(learner):
    tensors = {
        f"{name}/{key}": tensor.clone()
        for name in ("policy", "ema", "start")
        for key, tensor in learner.weights.tensors(name).items()
    }
    return tensors | {f"opt/{key}": one.clone() for key, one in learner.optimizer.tensors().items()}


def test_it_is_a_learner(make):
    assert isinstance(make(), Learner)


def test_an_update_says_what_it_learned_from(make, batch):
    stats = make().update(batch(0))
    assert stats.examples == len(batch(0))
    assert math.isfinite(stats.loss)


def test_a_restored_learner_continues_bit_for_bit(make, batch, tmp_path):
    one, other = make(), make()
    for seed in range(3):
        one.update(batch(seed))
        one.average()
    other.load(saved(one, tmp_path / "between"))
    for seed in range(3, 6):
        first, second = one.update(batch(seed)), other.update(batch(seed))
        assert (first.loss, first.grad_norm, first.lr) == (second.loss, second.grad_norm, second.lr)
        assert first.metrics == second.metrics
        one.average()
        other.average()
    assert_same(saved(other, tmp_path / "other"), saved(one, tmp_path / "one"))
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "between", tmp_path / "one")


def test_a_fresh_learner_can_be_saved_and_restored(make, batch, tmp_path):
    one, other = make(), make()
    other.load(saved(one, tmp_path / "fresh"))
    assert_same(saved(other, tmp_path / "other"), tmp_path / "fresh")
    assert other.update(batch(0)).loss == one.update(batch(0)).loss


def test_the_folder_holds_only_safetensors_and_json(make, batch, tmp_path):
    learner = make()
    learner.update(batch(0))
    left = {path.suffix for path in saved(learner, tmp_path / "part").iterdir()}
    assert ".json" in left <= {".safetensors", ".json"}


def test_nothing_to_learn_from_is_an_error(make):
    with pytest.raises(ValueError, match="example"):
        make().update([])


def test_an_update_changes_the_policy_and_nothing_else(local, batch):
    learner = local()
    before = everything(learner)
    stats = learner.update(batch(0))
    after = everything(learner)
    moved = {name.split("/")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"policy"}
    assert stats.examples == len(batch(0))
    assert math.isfinite(stats.loss)
    assert stats.grad_norm > 0
    assert stats.cost.trained_tokens > 0
    assert stats.cost.reference_tokens > 0
    assert stats.cost.flops > 0


def test_repeated_updates_lower_the_loss(local, batch):
    learner = local()
    examples = batch(0)
    losses = [learner.update(examples).loss for _ in range(5)]
    assert losses[-1] < losses[0]


def test_average_moves_the_ema_by_its_decay(local, batch):
    learner = local()
    learner.update(batch(0))
    policy, before = learner.weights.tensors("policy"), everything(learner)
    learner.average()
    decay = learner.config.ema_decay
    for name, tensor in learner.weights.tensors("ema").items():
        expected = decay * before[f"ema/{name}"] + (1 - decay) * policy[name]
        torch.testing.assert_close(tensor, expected)


def test_a_restored_learner_holds_every_set_of_the_first(local, batch, tmp_path):
    one, other = local(), local()
    one.update(batch(0))
    one.average()
    other.load(saved(one, tmp_path / "part"))
    ours, theirs = everything(one), everything(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("name", ["policy.safetensors", "optimizer.safetensors", "learner.json"])
@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_damaged_folder_is_refused_in_one_line(tmp_path, name, damage):
    learner = LocalLearner(adapters(), LearnConfig(), total_updates=8)
    learner.update(pairs(0))
    learner.save(tmp_path)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(StoreError, match=r"cannot restore the (learner|weights)") as caught:
        LocalLearner(adapters(), LearnConfig(), total_updates=8).load(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_adopted_learner_begins_at_the_others_policy(local, batch, tmp_path):
    learner = local()
    learner.update(batch(0))
    learner.save(tmp_path / "first")
    other = local()
    other.adopt(tmp_path / "first")
    assert other.optimizer.tensors() == {}
    for name, tensor in learner.weights.tensors("policy").items():
        assert torch.equal(other.weights.tensors("policy")[name], tensor)
        start = other.weights.tensors("start")[name]
        assert torch.equal(start, tensor.to(start.dtype))
    other.update(batch(1))
    other.save(tmp_path / "second")
    resumed = local()
    resumed.load(tmp_path / "second")
    for name, tensor in other.weights.tensors("start").items():
        assert torch.equal(resumed.weights.tensors("start")[name], tensor)
