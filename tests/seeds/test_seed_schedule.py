import pytest
from hypothesis import given
from hypothesis import strategies as st

from advgame.errors import SeedError
from advgame.seeds import batch
from advgame.types import Kind, Seed


def pool(size: int) -> tuple[Seed, ...]:
    return tuple(Seed(id=str(i), text=f"seed {i}", kind=Kind.BENIGN) for i in range(size))


sizes = st.integers(1, 40)
counts = st.integers(1, 12)
run_seeds = st.integers(0, 2**40)


@given(sizes, counts, run_seeds)
def test_every_epoch_holds_each_seed_once(size: int, count: int, run_seed: int) -> None:
    seeds = pool(size)
    steps = -(-3 * size // count)
    drawn = [
        seed
        for step in range(steps)
        for seed in batch(seeds, count, run_seed=run_seed, step=step, stream="s")
    ]
    for epoch in range(3):
        assert set(drawn[epoch * size : (epoch + 1) * size]) == set(seeds)


@given(sizes, counts, run_seeds, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_step_does_not_depend_on_the_steps_before(
    size: int, count: int, run_seed: int, step: int, other: int
) -> None:
    def draw() -> tuple[Seed, ...]:
        return batch(pool(size), count, run_seed=run_seed, step=step, stream="s")

    first = draw()
    batch(pool(size), count, run_seed=run_seed, step=other, stream="s")
    assert draw() == first
    assert len(first) == count


def test_run_seeds_streams_and_epochs_differ() -> None:
    seeds = pool(30)
    draws = {
        batch(seeds, 30, run_seed=run_seed, step=step, stream=stream)
        for run_seed in (0, 1)
        for step in (0, 1)
        for stream in ("direct", "attacked")
    }
    assert len(draws) == 8


def test_the_order_is_the_same_on_every_machine() -> None:
    drawn = batch(pool(6), 6, run_seed=0, step=0, stream="golden")
    assert [seed.id for seed in drawn] == list("352401")


def test_an_empty_pool() -> None:
    assert batch((), 0, run_seed=0, step=0, stream="s") == ()
    with pytest.raises(SeedError, match="4 seeds wanted for 'direct', but the pool has none"):
        batch((), 4, run_seed=0, step=0, stream="direct")
