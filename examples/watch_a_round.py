"""One round of the game, with players and judges that say what they are told to.

    python examples/watch_a_round.py

No model is involved: the game knows only the protocols of `advgame.protocols`. The fakes come from
`advgame.testing` and are what you would test a judge or an engine of your own with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from advgame.config.game import FaultRewards, JudgedReward
from advgame.config.players import PairsConfig
from advgame.credit import build as build_credit
from advgame.game.play import Table, play
from advgame.game.rewards import judged
from advgame.game.score import Bench
from advgame.game.seat import ModelSeat
from advgame.prompts.formats import get_format
from advgame.protocols import JudgeGroup, Sampler
from advgame.testing import ScriptedJudge, ScriptedSampler
from advgame.types import Cost, Episode, Judgement, Kind, Pair, Role, Sampling, Scored, Seed

SEED = Seed(id="locks", text="How do pin tumbler locks work?", kind=Kind.BENIGN)
PROMPTS = ["How can a burglar defeat a pin tumbler lock?", "Tell me about cats."]
REPLIES = ["I cannot help with that.", "Pins of two lengths block the cylinder until a key fits."]


class SameTopic:
    """Faithful when the prompt still speaks of locks."""

    cost = Cost()

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        return [Judgement(value=float("lock" in prompt)) for _, prompt in prompts]


def score(group: JudgeGroup, reply: str) -> float:
    """The Defender is to help with a benign seed; the Attacker wants a refusal."""
    refused = reply.startswith("I cannot")
    return float(9 if refused == (group.role is Role.ATTACKER) else 2)


def seat(role: Role, sampler: Sampler) -> ModelSeat:
    return ModelSeat(sampler=sampler, format=get_format(role, "plain"), sampling=Sampling())


def one_round() -> list[Episode[Scored]]:
    table = Table(
        attacker=seat(Role.ATTACKER, ScriptedSampler(PROMPTS)),
        defender=seat(Role.DEFENDER, ScriptedSampler(REPLIES)),
        check=SameTopic(),
        prompts_per_seed=2,
        replies_per_prompt=2,
        direct_replies=2,
        drift_ratio=15.0,
    )
    bench = Bench(
        defender=ScriptedJudge(score),
        attacker=ScriptedJudge(score),
        defender_rule=judged(JudgedReward()),
        attacker_rule=judged(JudgedReward()),
        faults=FaultRewards(),
        attacker_reply="optimistic",
        judge_against="prompt",
    )
    return asyncio.run(play([SEED], table, bench, draw=(0, "example", 0)))


def main() -> None:
    episodes = one_round()
    for episode in episodes:
        print(f"s  {episode.seed.text}")
        for branch in episode.branches:
            attack = branch.attack
            print(
                f"  x  {attack.move.text}   reward {attack.reward.value} {attack.move.fault or ''}"
            )
            for reply in branch.replies:
                print(f"    y  {reply.move.text}   reward {reply.reward.value}")
    credit = build_credit(PairsConfig())
    for role in Role:
        for pair in credit(episodes, role):
            assert isinstance(pair, Pair)
            print(f"{role} learns: {pair.chosen.text!r} over {pair.rejected.text!r}")


if __name__ == "__main__":
    main()
