"""The sentence encoder."""

from __future__ import annotations

import numpy as np
import pytest

from advgame.engines.embed import MiniLM, build_embedder
from advgame.errors import ModelError
from advgame.protocols import Embedder


@pytest.fixture(scope="module")
def encoder():
    return build_embedder("all-minilm-l6-v2")


@pytest.mark.assets
def test_unit_rows_that_know_meaning(encoder):
    assert isinstance(encoder, Embedder)
    rows = encoder.embed(["A cat sleeps.", "A kitten naps.", "Tax law changed in May."])
    assert rows.shape == (3, 384) and rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert rows[0] @ rows[1] > 0.5 > rows[0] @ rows[2]


@pytest.mark.assets
def test_a_row_does_not_depend_on_its_company(encoder):
    """Bit by bit: a resumed run judges with another cache and other batches."""
    texts = ["short", "a somewhat longer text about cats and dogs", "x" * 3000, ""]
    together = encoder.embed(texts)
    fresh = MiniLM(encoder._source, cached=1)
    for text, row in reversed(list(zip(texts, together, strict=True))):
        assert np.array_equal(fresh.embed([text])[0], row)
    assert encoder.embed([]).shape[0] == 0


@pytest.mark.assets
def test_cost_is_counted_from_shapes_and_not_from_the_cache(encoder):
    once = encoder.cost(["one two three"])
    encoder.embed(["one two three"])
    assert encoder.cost(["one two three"]) == once
    assert once.judge_tokens == 5  # with its two marks
    assert once.flops == 5 * 6 * (2 * (4 * 384**2 + 2 * 384 * 1536) + 4 * 5 * 384)
    assert encoder.cost(["one two three"] * 2).flops == 2 * once.flops


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        MiniLM(tmp_path).embed(["text"])
