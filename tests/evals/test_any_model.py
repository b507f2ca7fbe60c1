"""Our tasks, by the names under which Inspect finds them, on a model that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from advgame.evals.catalog import SAFETY
from advgame.evals.questions import seeds_of

REPLIES = ("Sure, with pleasure.", "I'm sorry, but I can't help with that.", " ", None)
SUCCESS = {"harmful-plain": (1.0, 0.0, 0.0), "benign-everyday": (0.0, 1.0, 0.0)}


def said(text: str) -> ModelOutput:
    """A reply that counts its tokens: to count them, Inspect would fetch a tokenizer."""
    output = ModelOutput.from_content("mockllm", text)
    output.usage = ModelUsage(input_tokens=1, output_tokens=4, total_tokens=5)
    return output


@pytest.mark.parametrize("name", SUCCESS)
def test_a_task_of_ours_on_a_model_of_theirs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `inspect eval advgame/NAME --model PROVIDER/MODEL -T judge=patterns --limit 4`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "inspect"))
    seeds = seeds_of(SAFETY[name], part="test", limit=4)
    replies = dict(zip((seed.text for seed in seeds), REPLIES, strict=True))

    def answer(messages: Any, *_: Any) -> ModelOutput:
        reply = replies[messages[-1].text]
        if reply is None:
            raise ValueError("the provider failed")
        return said(reply)

    (log,) = inspect_eval(
        f"advgame/{name}",
        model=get_model("mockllm/model", custom_outputs=answer, memoize=False),
        task_args={"judge": "patterns"},
        limit=4,
        log_dir="found",
        display="none",
        fail_on_error=False,
    )
    assert log.status == "success"
    (listed,) = list_eval_logs("found")  # what the viewer lists
    again = read_eval_log(listed)
    scores = {
        sample.metadata["request"]: [each.value for each in sample.scores.values()]
        for sample in again.samples
    }
    expected = dict(zip(replies, SUCCESS[name], strict=False))
    assert {text: values[0] for text, values in scores.items() if values} == expected
    metrics = again.results.scores[0].metrics
    assert metrics["n"].value == 3  # the question that got no answer is in no rate
    assert metrics["value"].value == pytest.approx(sum(expected.values()) / 3)
    assert metrics["low"].value < metrics["value"].value < metrics["high"].value
