import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from advgame.engines.draw import draw, uniforms

SIZES = st.integers(2, 1_000)  # up to four blocks of `_walk`
MASSES = st.sampled_from([0.05, 0.5, 0.9, 0.999, 1])


def reference(logits, number, temperature, top_p):
    """One row, plainly: sort, cut, walk along the cumulative mass."""
    probabilities = (logits.double() / temperature).softmax(-1)
    whole = torch.arange(len(logits))
    order = whole if top_p >= 1 else probabilities.argsort(descending=True)
    shares = probabilities[order]
    if top_p < 1:
        before = shares.cumsum(0) - shares
        shares = shares * (before < top_p)
    mass = shares.cumsum(0) / shares.sum()
    place = int((mass <= number).sum())
    slack = float((mass - number).abs().min())
    return int(order[min(place, len(order) - 1)]), slack


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(0, 10_000), st.just(1.0) | st.floats(0.2, 3), MASSES)
def test_draws_by_inverse_transform(size, seed, temperature, top_p):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, size, generator=generator) * 2
    numbers = uniforms(seed, 5)
    tokens, logprobs = draw(logits, numbers, temperature, top_p)
    exact = logits.double().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(logprobs.double(), exact, atol=1e-5, rtol=1e-5)
    for row in range(5):
        expected, slack = reference(logits[row], float(numbers[row]), temperature, top_p)
        assert int(tokens[row]) == expected or slack < 1e-5


def test_temperature_0_is_greedy():
    logits = torch.randn(9, 50)
    assert torch.equal(draw(logits, torch.rand(9), 0.0, 0.5)[0], logits.argmax(-1))


@pytest.mark.parametrize(("temperature", "top_p"), [(1e-300, 1.0), (1e-7, 0.9), (0.7, 1e-300)])
def test_so_cold_or_so_narrow_that_it_is_greedy(temperature, top_p):
    logits = torch.randn(9, 300) * 30
    assert torch.equal(draw(logits, torch.rand(9), temperature, top_p)[0], logits.argmax(-1))


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_the_extremes_of_the_unit_interval_stay_inside(top_p):
    logits = torch.full((2, 300), float("-inf"))
    logits[:, 100:103] = 0.0
    tokens, _ = draw(logits, torch.tensor([0.0, 1 - 2**-24]), 1.0, top_p)
    assert all(100 <= token <= 102 for token in tokens.tolist())


def test_frequencies_follow_the_distribution():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05])).expand(20_000, 4)
    numbers = uniforms(1, 20_000)
    shares = torch.bincount(draw(logits, numbers, 1.0, 1.0)[0], minlength=4) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.01, rtol=0)
    kept = torch.bincount(draw(logits, numbers, 1.0, 0.7)[0], minlength=4) / 20_000
    torch.testing.assert_close(kept, torch.tensor([0.625, 0.375, 0, 0]), atol=0.01, rtol=0)


def test_a_seed_gives_the_same_numbers_and_a_longer_row_begins_with_them():
    assert torch.equal(uniforms(2**62 + 1, 8), uniforms(2**62 + 1, 64)[:8])
    assert not torch.equal(uniforms(1, 8), uniforms(2, 8))
