"""The same held-out questions before and after, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from advgame.report.pick import cut, fitting, interleaved
from advgame.report.rates import scenes
from advgame.report.run_data import Json, RunData


def side_by_side(data: RunData, *, budget: int, longest: int = 2_000) -> Json:
    """Join the first and the last validation by question.

    Args:
        data: the run.
        budget: characters of JSON that all rows may take together.
        longest: characters after which a text is cut.

    Returns:
        {"steps": [first, last], "rows": [{"id", "kind", "mode", "scene", "seed", "before",
        "after"}], "of": how many questions there are}; `after` is None in a run with one
        validation. Rows whose outcome changed come first, kinds and modes in turn.
    """
    if not data.validations:
        return {"steps": [], "rows": [], "of": 0}
    first, last = data.validations[0], data.validations[-1]
    later = {_key(each): each for each in last.get("transcripts", [])} if last is not first else {}
    rows = [
        {
            "id": each["id"],
            "kind": each["kind"],
            "mode": each["mode"],
            "scene": scenes(data.config),
            "seed": cut(each["seed"], longest),
            "before": _answer(each, longest),
            "after": _answer(found, longest) if (found := later.get(_key(each))) else None,
        }
        for each in first.get("transcripts", [])
    ]
    rows = sorted(interleaved(rows, lambda row: (row["kind"], row["mode"])), key=_order)
    kept, _ = fitting(rows, budget)
    steps = [first["step"]] if last is first else [first["step"], last["step"]]
    return {"steps": steps, "rows": kept, "of": len(rows)}


def _key(transcript: Mapping[str, Json]) -> tuple[str, str]:
    return transcript["id"], transcript["mode"]


def _order(row: Mapping[str, Json]) -> int:
    before, after = row["before"]["success"], row["after"] and row["after"]["success"]
    if before is None or after is None:
        return 2
    return 1 if before == after else 0


def _answer(transcript: Mapping[str, Json], longest: int) -> Json:
    return {
        "prompt": cut(transcript["prompt"], longest),
        "reply": cut(transcript["reply"], longest),
        "score": transcript.get("score"),
        "success": transcript.get("success"),
        "fault": transcript.get("fault"),
        "explanation": cut(transcript.get("explanation", ""), longest),
    }
