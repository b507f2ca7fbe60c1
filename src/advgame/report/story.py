"""What happened, in plain words made from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from advgame.numbers import in_percent, in_points
from advgame.report.audited import audit_sentences
from advgame.report.pick import at
from advgame.report.rates import TASK, Rate, RateChange
from advgame.report.run_data import RunData

_SUBJECTS = {
    "direct/harmful/attack_success": "attack success on plain harmful requests",
    "attacked/harmful/attack_success": "attack success under the run's own Attacker",
    "direct/benign/over_refusal": "over-refusal of plain benign requests",
    "attacked/benign/over_refusal": "over-refusal of benign requests that the Attacker rewrote",
}


def story(data: RunData, changes: Sequence[RateChange]) -> str:
    """Return one paragraph that claims no more than the intervals allow."""
    sentences = [_opening(data)]
    if not changes:
        sentences.append(
            "No validation was recorded, so nothing can be said about questions the players did "
            "not train on; the curves below describe training only."
        )
        return " ".join([*sentences, *_training(data)])
    sentences += [_change(change) for change in changes]
    if any(change.after for change in changes):
        if any(change.name.startswith("attacked/") for change in changes):
            sentences.append(_pitted(at(data.config, "schedule", "type")))
    else:
        sentences.append("There is no second validation yet to compare with.")
    unscored = sum(change.unscored for change in changes)
    if unscored:
        sentences.append(
            f"The judge could not score {unscored:,} answer{'s' if unscored > 1 else ''}; "
            "a missing score is left out of a rate, never counted as a zero."
        )
    sentences += _training(data)
    sentences.append(
        "This is one run with one random seed, scored by an automatic judge: read the transcripts "
        "before believing a rate."
    )
    return " ".join(sentences)


def _pitted(schedule: str | None) -> str:
    """Who met whom in the rates under attack: only players that learn have changed."""
    if schedule == "attacker-only":
        return "The Defender never learns here, so under attack those rates measure the Attacker."
    if schedule in ("static", "defender-only"):
        return "The Attacker never learns here, so those rates measure the Defender."
    return (
        "“Before” pits the initial Defender against the initial Attacker, “after” the "
        "trained Defender against the trained Attacker, so those rates measure both."
    )


def _opening(data: RunData) -> str:
    train = data.config.get("train") or {}
    planned = None if train.get("budget_tokens") else train.get("steps")
    done = data.summary.get("steps", len(data.metrics))
    if not done:
        return "No training step has been recorded yet."
    count = f"{done:,} training step{'s' if done != 1 else ''}"
    if not data.summary and (planned is None or done < planned):
        return f"So far {count}{f' of {planned:,}' if planned else ''} are recorded."
    return f"The run took {count}."


def _training(data: RunData) -> list[str]:
    """Faults and what a second judge said of the training replies."""
    told = []
    prompts, replies = (_faulty(data, role) for role in ("attacker", "defender"))
    parts = [
        f"{in_percent(share)} of the {whose}"
        for share, whose in ((prompts, "Attacker's prompts"), (replies, "Defender's replies"))
        if share is not None
    ]
    if parts:
        told.append(
            f"In training {' and '.join(parts)} were faulty (mean over steps and kinds of seed)."
        )
    return told + audit_sentences(data)


def _faulty(data: RunData, role: str) -> float | None:
    """Mean share of faulty moves over kinds, modes and steps."""
    shares: dict[tuple[int, str], float] = {}
    for line in data.metrics:
        for key, value in line.items():
            prefix, _, name = key.rpartition("/")
            if key.startswith(f"{role}/") and name.startswith("fault_") and value is not None:
                place = (line["step"], prefix)
                shares[place] = shares.get(place, 0.0) + value
    return sum(shares.values()) / len(shares) if shares else None


def _rates(change: RateChange) -> list[Rate]:
    return [rate for rate in (change.before, change.after) if rate]


def _change(change: RateChange) -> str:
    subject = _SUBJECTS.get(change.name, change.name)
    if change.scenes and change.name.endswith("/over_refusal"):
        subject = TASK
    subject = subject[:1].upper() + subject[1:]
    before, after, difference = change.before, change.after, change.difference
    if before is None or after is None:
        known = _rates(change)
        missed = "not scored by the judge" if change.unscored else "not measured"
        return f"{subject} was {_spelled(known[0]) if known else missed}."
    if difference is None:
        move = f"from {_spelled(before)} to {_spelled(after)}"
        if change.verdict == "unclear":
            return f"{subject} went {move}; the two intervals overlap, so no change is shown."
        return f"{subject} {change.verdict} {move}; the two intervals do not overlap."
    move = f"from {in_percent(before.value)} to {in_percent(after.value)} of {before.n:,} questions"
    if change.verdict == "unclear":
        span = f"{in_points(difference.low)} to {in_points(difference.high)} points"
        if difference.value == 0:
            return (
                f"{subject} stayed at {in_percent(after.value)} of {after.n:,} questions ({span})."
            )
        return f"{subject} went {move}: the interval of the change, {span}, includes zero, so \
it may be chance."
    least, most = sorted((abs(difference.low), abs(difference.high)))
    size = f"{in_percent(abs(difference.value))[:-1]} points"
    span = f"95% interval {in_percent(least)[:-1]} to {in_percent(most)[:-1]}"
    caution = (
        "; the intervals before and after overlap, but the same questions compared one by one "
        "do not allow for no change"
        if change.overlap
        else ""
    )
    return f"{subject} {change.verdict} {move}, by {size} ({span}{caution})."


def _spelled(rate: Rate) -> str:
    span = f"95% interval {in_percent(rate.low)} to {in_percent(rate.high)}"
    return f"{in_percent(rate.value)} ({span}, n = {rate.n:,})"
