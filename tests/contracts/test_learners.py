"""What every `Learner` promises."""

import math

import pytest
import torch
from training import adapters, credited, full, pairs

from advgame.config.players import DPOConfig, GRPOConfig, IPOConfig, LearnConfig
from advgame.errors import StoreError
from advgame.learn import LocalLearner
from advgame.protocols import Learner

OBJECTIVES = {
    "dpo": DPOConfig(nll=0.1, entropy=0.01),
    "ipo": IPOConfig(length_normalised=True),
    "grpo": GRPOConfig(importance_cap=None),  # so that its surrogate falls as it is followed
}
KINDS = {"adapters": adapters, "full": full}


@pytest.fixture(params=sorted(OBJECTIVES))
def objective(request):
    return OBJECTIVES[request.param]


@pytest.fixture(params=sorted(KINDS))
def make(request, objective):
    def build():
        config = LearnConfig(objective=objective, lr=3e-3, micro_batch_tokens=64)
        return LocalLearner(KINDS[request.param](), config, total_updates=8)

    return build


def batch(learner, seed):
    grpo = learner.config.objective.type == "grpo"
    return credited(seed) if grpo else pairs(seed)


def everything(learner):
    tensors = {
        f"{name}/{key}": tensor.clone()
        for name in ("policy", "ema", "start")
        for key, tensor in learner.weights.tensors(name).items()
    }
    return tensors | {f"opt/{key}": one.clone() for key, one in learner.optimizer.tensors().items()}


def test_it_is_a_learner(make):
    assert isinstance(make(), Learner)


def test_an_update_changes_the_policy_and_nothing_else(make):
    learner = make()
    before = everything(learner)
    stats = learner.update(batch(learner, 0))
    after = everything(learner)
    moved = {name.split("/")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"policy"}
    assert stats.examples == len(batch(learner, 0))
    assert math.isfinite(stats.loss)
    assert stats.grad_norm > 0
    assert stats.cost.trained_tokens > 0
    assert stats.cost.reference_tokens > 0
    assert stats.cost.flops > 0


def test_repeated_updates_lower_the_loss(make):
    learner = make()
    examples = batch(learner, 0)
    losses = [learner.update(examples).loss for _ in range(5)]
    assert losses[-1] < losses[0]


def test_average_moves_the_ema_by_its_decay(make):
    learner = make()
    learner.update(batch(learner, 0))
    policy, before = learner.weights.tensors("policy"), everything(learner)
    learner.average()
    decay = learner.config.ema_decay
    for name, tensor in learner.weights.tensors("ema").items():
        expected = decay * before[f"ema/{name}"] + (1 - decay) * policy[name]
        torch.testing.assert_close(tensor, expected)


def test_a_restored_learner_continues_bit_for_bit(make, tmp_path):
    learner = make()
    for seed in range(3):
        learner.update(batch(learner, seed))
        learner.average()
    learner.save(tmp_path)
    other = make()
    other.load(tmp_path)
    for seed in range(3, 6):
        first, second = learner.update(batch(learner, seed)), other.update(batch(other, seed))
        assert (first.loss, first.grad_norm, first.lr) == (second.loss, second.grad_norm, second.lr)
        assert first.metrics == second.metrics
        learner.average()
        other.average()
    ours, theirs = everything(learner), everything(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_a_fresh_learner_can_be_saved_and_restored(make, tmp_path):
    make().save(tmp_path)
    other = make()
    other.load(tmp_path)
    assert other.optimizer.tensors() == {}
    assert math.isfinite(other.update(batch(other, 0)).loss)


def test_the_folder_holds_only_safetensors_and_json(make, tmp_path):
    learner = make()
    learner.update(batch(learner, 0))
    learner.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", ".json"}


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


def test_an_adopted_learner_begins_at_the_others_policy(make, tmp_path):
    learner = make()
    learner.update(batch(learner, 0))
    learner.save(tmp_path / "first")
    other = make()
    other.adopt(tmp_path / "first")
    assert other.optimizer.tensors() == {}
    for name, tensor in learner.weights.tensors("policy").items():
        assert torch.equal(other.weights.tensors("policy")[name], tensor)
        assert torch.equal(other.weights.tensors("start")[name], tensor)
    other.update(batch(other, 1))
    other.save(tmp_path / "second")
    resumed = make()
    resumed.load(tmp_path / "second")
    for name, tensor in other.weights.tensors("start").items():
        assert torch.equal(resumed.weights.tensors("start")[name], tensor)


def test_nothing_of_weight_is_an_error(make):
    learner = make()
    with pytest.raises(ValueError, match="positive weight"):
        learner.update([])
