"""`LocalLearner`: the same step however it is cut, shared, resumed or reduced."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training import adapters, credited, disturb, full, gradients, pairs
from transformers import AutoModelForCausalLM, Gemma3Config

from advgame.config.players import AdapterConfig, DPOConfig, GRPOConfig, IPOConfig, LearnConfig
from advgame.learn import LocalLearner
from advgame.learn.pack import micro_batches
from advgame.learn.reference import reference_logps
from advgame.models.adapters import AdapterWeights
from advgame.models.attention import NAME
from advgame.models.full import FullWeights
from advgame.models.network import Network
from advgame.models.tiny import tiny_tokenizer

OBJECTIVES = [
    DPOConfig(nll=0.1, entropy=0.05, kl=0.2),
    DPOConfig(length_normalised=True),
    IPOConfig(),
    GRPOConfig(entropy=0.05),
    GRPOConfig(token_mean=True),
]
GOLDEN = Path(__file__).parents[1] / "golden" / "learner.json"


def learner(weights=None, **changes):
    return LocalLearner(
        adapters() if weights is None else weights, LearnConfig(**changes), total_updates=10
    )


def examples_for(objective):
    return credited() if objective.type == "grpo" else pairs()


def gradient_of(one, examples):
    """The gradient an update clips and steps with."""
    caught = {}
    step = one.optimizer.step

    def stop():
        caught.update(gradients(one.weights))
        return step()

    one.optimizer.step = stop
    stats = one.update(examples)
    return caught, stats


def assert_same(first, second, tolerance=1e-5):
    """Equal names, and values within `tolerance` of the whole gradient's norm."""
    assert first.keys() == second.keys()
    norm = float(torch.nn.utils.get_total_norm(list(first.values())))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=tolerance * norm, rtol=0)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
@pytest.mark.parametrize("limit", [16, 40, 60])
def test_micro_batches_do_not_change_the_step(objective, limit):
    examples = examples_for(objective)
    whole, stats = gradient_of(learner(objective=objective), examples)
    cut, cut_stats = gradient_of(learner(objective=objective, micro_batch_tokens=limit), examples)
    assert cut_stats.metrics["passes"] > stats.metrics["passes"] == 2
    assert_same(whole, cut)
    assert cut_stats.loss == pytest.approx(stats.loss, abs=1e-5)
    for name in stats.metrics.keys() & {"reward_margin", "nll", "advantage", "kl", "entropy"}:
        assert cut_stats.metrics[name] == pytest.approx(stats.metrics[name], abs=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("make", [adapters, full])
def test_the_step_is_that_of_a_naive_learner(make, checkpointing):
    """DPO by hand: every side of every pair on its own row, autograd through full logits."""
    examples, beta = pairs(), 0.1
    weights = make()
    disturb(weights)

    def sequence_logp(name, completion):
        row = torch.tensor([completion.prompt_ids + completion.token_ids])
        start = len(completion.prompt_ids)
        with weights.use(name) as model:
            log_p = model(input_ids=row).logits[0, start - 1 : -1].log_softmax(-1)
        return log_p.gather(1, row[0, start:, None]).sum()

    losses = []
    for pair in examples:
        sides = []
        for side in (pair.chosen, pair.rejected):
            with torch.no_grad():
                reference = sequence_logp("ema", side)
            sides.append(sequence_logp("policy", side) - reference)
        losses.append(-torch.nn.functional.logsigmoid(beta * (sides[0] - sides[1])))
    loss = torch.stack(losses).mean()
    loss.backward()
    expected = gradients(weights)
    for parameter in weights.parameters().values():
        parameter.grad = None

    got, stats = gradient_of(learner(weights, checkpointing=checkpointing), examples)
    assert stats.loss == pytest.approx(float(loss.detach()), abs=1e-5)
    assert_same(got, expected, 1e-4)


def test_shared_prompts_and_completions_are_forwarded_once():
    stats = learner().update(pairs(prompts=2))
    distinct = {
        (one.prompt_ids + one.token_ids[:-1])[: n + 1]
        for pair in pairs(prompts=2)
        for one in (pair.chosen, pair.rejected)
        for n in range(len(one.prompt_ids) + len(one.token_ids) - 1)
    }
    assert stats.cost.trained_tokens == stats.cost.reference_tokens == len(distinct)
    assert stats.metrics["forwarded_tokens"] == 2 * len(distinct)
    assert stats.metrics["shared_tokens"] > 0.4


def test_adapters_train_like_the_merged_weights_they_stand_for():
    """What the adapter computes is base + scale · B·A, loaded as plain weights."""
    small = adapters(first_layer=0)
    merged = full()
    scale = small.lora_config.lora_alpha / small.lora_config.r
    base = merged.tensors("policy")
    for name, a in small.tensors("policy").items():
        if ".lora_A." in name:
            b = small.tensors("policy")[name.replace("lora_A", "lora_B")]
            target = name.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
            base[target].add_(scale * b @ a)  # these share the module's memory
    ours, theirs = learner(small).update(pairs()), learner(merged).update(pairs())
    assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)
    for name in ("chosen_logp_change", "rejected_logp_change", "kl", "entropy", "nll"):
        assert ours.metrics[name] == pytest.approx(theirs.metrics[name], abs=1e-4)


def test_the_frozen_half_is_run_once_for_both_passes():
    one = learner(adapters(first_layer=2))
    ran = []
    with one.weights.use("policy") as model:
        for number, layer in enumerate(model.model.layers):
            layer.mlp.register_forward_hook(lambda *_, number=number: ran.append(number))
    one.update(pairs())
    assert ran == [0, 1, 2, 2]


def test_reusing_states_changes_no_gradient(monkeypatch):
    shared, _ = gradient_of(learner(adapters(first_layer=2)), pairs())
    monkeypatch.setattr(
        "advgame.learn.learner.reference_logps",
        lambda *args: replace(reference_logps(*args), captured=None),
    )
    apart, _ = gradient_of(learner(adapters(first_layer=2)), pairs())
    assert_same(shared, apart, 0)


def test_checkpointing_changes_no_gradient():
    plain, once = gradient_of(learner(), pairs())
    recomputed, twice = gradient_of(learner(checkpointing=True), pairs())
    assert_same(plain, recomputed, 1e-7)
    assert 1.1 < twice.cost.flops / once.cost.flops < 1.4  # the layers are passed once more


@pytest.mark.parametrize("reference", ["ema", "frozen"])
def test_the_reference_is_the_set_named(reference):
    one = learner(reference=reference)
    name = "ema" if reference == "ema" else "start"
    one.weights.copy("policy", name)
    assert one.update(pairs()).metrics["kl"] == pytest.approx(0, abs=1e-9)


def test_recorded_log_probs_stand_in_for_a_pass():
    one = learner(reference="recorded")
    micro = next(micro_batches(pairs(), 10_000, one.weights.device))
    got = reference_logps(one.weights, micro.pack, one.config)
    recorded = [value for side in micro.pack.completions for value in side.logprobs]
    torch.testing.assert_close(got.logps_T, torch.tensor(recorded))
    assert one.update(pairs()).cost.reference_tokens == 0


@pytest.mark.parametrize("change", [{"guided": True}, {"logprobs": None}])
def test_completions_without_usable_records_fall_back_to_a_pass(change):
    one = learner(reference="recorded")
    first, *rest = pairs()
    odd = replace(first.chosen, **change)
    examples = [replace(first, chosen=odd), *rest]
    micro = next(micro_batches(examples, 10_000, one.weights.device))
    got = reference_logps(one.weights, micro.pack, one.config)
    by_pass = reference_logps(one.weights, micro.pack, LearnConfig(reference="ema")).logps_T
    lengths = [len(side.token_ids) for side in micro.pack.completions]
    number = micro.pack.completions.index(odd)
    torch.testing.assert_close(
        got.logps_T.split(lengths)[number], by_pass.split(lengths)[number], atol=1e-5, rtol=0
    )
    passed = len(odd.prompt_ids) + len(odd.token_ids) - 1
    assert one.update(examples).cost.reference_tokens == passed


def test_grpo_without_kl_needs_no_reference():
    stats = learner(objective=GRPOConfig(beta=0)).update(credited())
    assert stats.cost.reference_tokens == 0
    assert "kl" not in stats.metrics


def test_missing_sampler_log_probs_weigh_one_and_are_counted():
    bare = learner(objective=GRPOConfig()).update(credited(logprobs=None))
    off = learner(objective=GRPOConfig(importance_cap=None)).update(credited())
    assert bare.metrics["importance_missing"] == 1
    assert bare.metrics["importance"] == 1
    assert bare.loss == pytest.approx(off.loss)


def test_the_rate_falls_over_all_updates_and_does_not_restart_after_loading(tmp_path):
    one = learner(lr=1e-3)
    rates = [one.update(pairs()).lr for _ in range(5)]
    one.save(tmp_path)
    other = learner(lr=1e-3)
    other.load(tmp_path)
    rates += [other.update(pairs()).lr for _ in range(7)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(1e-3)
    assert rates[9:] == pytest.approx([2e-4] * 3)


def test_a_gradient_that_is_not_finite_skips_the_step_and_is_counted():
    one = learner()
    name, parameter = next(iter(one.weights.parameters().items()))
    parameter.register_hook(lambda gradient: gradient * float("nan"))
    before = {key: tensor.clone() for key, tensor in one.weights.tensors("policy").items()}
    stats = one.update(pairs())
    assert stats.metrics["skipped_updates"] == 1
    assert one.optimizer.skipped == 1
    for key, tensor in one.weights.tensors("policy").items():
        assert torch.equal(tensor, before[key]), name


class Ranks:
    """`Reduce` between threads."""

    def __init__(self, size):
        self._barrier = threading.Barrier(size)
        self._tensors = {}

    def of(self, rank):
        def reduce(tensor):
            self._tensors[rank] = tensor.clone()
            self._barrier.wait(30)
            total = sum(self._tensors[key] for key in sorted(self._tensors))
            self._barrier.wait(30)
            tensor.copy_(total)

        return reduce


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_two_ranks_take_the_step_of_one(objective):
    """Uneven shards: the shorter is filled with a copy of weight 0."""
    examples = examples_for(objective)
    expected, expected_stats = gradient_of(learner(objective=objective), examples)
    cut = len(examples) // 2 + 1
    shards = [examples[:cut], [*examples[cut:], replace(examples[0], weight=0.0)]]
    ranks, results = Ranks(2), {}

    learners = [
        LocalLearner(
            adapters(), LearnConfig(objective=objective), total_updates=10, reduce=ranks.of(rank)
        )
        for rank in range(2)
    ]

    def work(rank):
        results[rank] = gradient_of(learners[rank], shards[rank])

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for rank in range(2):
        got, stats = results[rank]
        assert_same(got, expected)
        assert stats.loss == pytest.approx(expected_stats.loss, abs=1e-5)
        if objective.type != "grpo":
            margin = expected_stats.metrics["reward_margin"]
            assert stats.metrics["reward_margin"] == pytest.approx(margin, abs=1e-5)


def test_a_vision_tower_is_left_alone_and_a_run_with_one_goes_on(tmp_path):
    text = {
        "vocab_size": 259, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    }  # fmt: skip
    eye = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    marks = {"image_token_index": 200, "boi_token_index": 201, "eoi_token_index": 202}
    config = Gemma3Config(text_config=text, vision_config=eye, mm_tokens_per_image=4, **marks)

    def network():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, attn_implementation=NAME).eval()
        model.requires_grad_(False)
        return Network(
            name="seeing", model=model, tokenizer=tiny_tokenizer(), device=torch.device("cpu"),
            dtype=torch.float32,
        )  # fmt: skip

    some = AdapterWeights(network(), "defender", AdapterConfig(rank=2), 0)
    assert len(some.parameters()) == 2 * 2 * 7  # A and B, two layers, seven linear modules each
    assert not any("vision" in name for name in some.parameters())
    every = FullWeights(network(), lambda dtype: network().model.to(dtype))
    for name, weights in (("some", some), ("every", every)):
        one = learner(weights)
        one.update(pairs())
        (tmp_path / name).mkdir()
        one.save(tmp_path / name)
        one.load(tmp_path / name)
        one.update(pairs())


def test_weights_of_examples_scale_their_share():
    first, second = pairs()[0], pairs()[5]
    heavy, _ = gradient_of(learner(), [replace(first, weight=3.0), second])
    repeated, _ = gradient_of(learner(), [first, first, first, second])
    assert_same(heavy, repeated)


def golden_run():
    """Three updates of each objective, an average after each; losses and norms."""
    out = {}
    for objective in OBJECTIVES:
        one = learner(objective=objective, lr=1e-3)
        steps = []
        for seed in range(3):
            examples = credited(seed) if objective.type == "grpo" else pairs(seed)
            stats = one.update(examples)
            one.average()
            steps.append({"loss": stats.loss, "grad_norm": stats.grad_norm})
        out[str(objective)] = steps
    return out


def test_unchanged_maths_means_identical_losses():
    """To renew after a deliberate change: `python tests/learn/test_learner.py`."""
    expected = json.loads(GOLDEN.read_text())
    got = golden_run()
    assert got.keys() == expected.keys()
    for name, steps in expected.items():
        for step, want in zip(got[name], steps, strict=True):
            assert step["loss"] == pytest.approx(want["loss"], abs=1e-5, rel=1e-5), name
            assert step["grad_norm"] == pytest.approx(want["grad_norm"], abs=1e-4, rel=1e-4), name


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden_run(), indent=1) + "\n")
