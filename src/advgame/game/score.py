"""Stage 4, score: judge both roles' moves and turn the judgements into rewards.

The Defender's replies are judged first, a group for each prompt. The Attacker's prompts are then
judged, a group for each seed, by one reply each: the best response by the Defender's own reward
(optimistic) or the first valid one. The two are independent: an unusable word on one role's move
never takes a reward from the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from advgame.config.game import FaultRewards
from advgame.game.check import Checked
from advgame.game.phrases import Elsewhere, Phrases
from advgame.game.rewards import Outcome, Rule, reward
from advgame.protocols import Judge, JudgeGroup
from advgame.types import Branch, Episode, Judgement, Kind, Missing, Reward, Role, Scored

Place: TypeAlias = tuple[int, ...]  # (episode, branch) or (episode, branch, reply)
AttackerReply: TypeAlias = Literal["optimistic", "first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The judges of a round and what their words are worth. `attacker` None: valid scores 0."""

    defender: Judge
    attacker: Judge | None
    defender_rule: Rule
    attacker_rule: Rule
    faults: FaultRewards
    attacker_reply: AttackerReply
    judge_against: Literal["prompt", "seed"]

    @property
    def judges(self) -> tuple[Judge, ...]:
        """Each judge once."""
        return tuple(dict.fromkeys(each for each in (self.defender, self.attacker) if each))


async def score(episodes: Sequence[Episode[Checked]], bench: Bench) -> list[Episode[Scored]]:
    """Return the same trees, every move with its judgements and its reward."""
    words = await _judge_replies(episodes, bench)
    prompts, answers = _phrases(episodes)
    replies = {
        (e, b): tuple(
            _scored_reply(
                episode,
                branch,
                r,
                words.get((e, b, r)),
                Elsewhere(answers[episode.seed.kind], e),
                bench,
            )
            for r in range(len(branch.replies))
        )
        for e, episode in enumerate(episodes)
        for b, branch in enumerate(episode.branches)
    }
    drawn = {place: pick_reply(row, bench.attacker_reply) for place, row in replies.items()}
    words = await _judge_attacks(episodes, drawn, bench)
    return [
        Episode(
            episode.seed,
            tuple(
                Branch(
                    _scored_attack(
                        episode,
                        b,
                        drawn[e, b],
                        words.get((e, b)),
                        Elsewhere(prompts[episode.seed.kind], e),
                        bench,
                    ),
                    replies[e, b],
                )
                for b in range(len(episode.branches))
            ),
        )
        for e, episode in enumerate(episodes)
    ]


def pick_reply(replies: Sequence[Scored], rule: AttackerReply) -> Scored | None:
    """The reply an attack is judged by, or None if no reply is valid.

    The Defender's own replies go before guided ones, which its policy alone would not have
    given. Where none of them has a reward (the judge failed), the first valid one stands in.
    """
    valid = [each for each in replies if each.move.fault is None]
    own = [each for each in valid if not (each.move.completion and each.move.completion.guided)]
    candidates = own or valid
    rated = [(each.reward.value, each) for each in candidates if each.reward.value is not None]
    if rule == "optimistic" and rated:
        return max(rated, key=lambda pair: pair[0])[1]
    return candidates[0] if candidates else None


async def _judge_replies(
    episodes: Sequence[Episode[Checked]], bench: Bench
) -> dict[Place, Judgement]:
    groups: list[JudgeGroup] = []
    places: list[list[Place]] = []
    for e, episode in enumerate(episodes):
        for b, branch in enumerate(episode.branches):
            valid = [r for r, reply in enumerate(branch.replies) if reply.move.fault is None]
            if not valid:
                continue
            against = branch.attack.move.text
            groups.append(
                JudgeGroup(
                    role=Role.DEFENDER,
                    seed=episode.seed,
                    request=episode.seed.text if bench.judge_against == "seed" else against,
                    replies=tuple(branch.replies[r].move.text for r in valid),
                )
            )
            places.append([(e, b, r) for r in valid])
    return await _judge(bench.defender, groups, places)


async def _judge_attacks(
    episodes: Sequence[Episode[Checked]], drawn: dict[tuple[int, int], Scored | None], bench: Bench
) -> dict[Place, Judgement]:
    groups: list[JudgeGroup] = []
    places: list[list[Place]] = []
    for e, episode in enumerate(episodes):
        row = [(b, drawn[e, b]) for b in range(len(episode.branches))]
        answered = [(b, reply) for b, reply in row if reply is not None]
        if episode.seed.direct or not answered:
            continue
        groups.append(
            JudgeGroup(
                role=Role.ATTACKER,
                seed=episode.seed,
                request=episode.seed.text,
                replies=tuple(reply.move.text for _, reply in answered),
            )
        )
        places.append([(e, b) for b, _ in answered])
    if bench.attacker is None:
        nothing = Judgement(value=0.0, explanation="attacks are not judged")
        return {place: nothing for group in places for place in group}
    return await _judge(bench.attacker, groups, places)


async def _judge(
    judge: Judge, groups: Sequence[JudgeGroup], places: Sequence[Sequence[Place]]
) -> dict[Place, Judgement]:
    words = await judge.judge(groups) if groups else []
    return {
        place: word
        for at, said in zip(places, words, strict=True)
        for place, word in zip(at, said, strict=True)
    }


def _phrases(
    episodes: Sequence[Episode[Checked]],
) -> tuple[dict[Kind, Phrases], dict[Kind, Phrases]]:
    """The valid prompts of the Attacker and the valid replies of a round, by kind of seed."""
    prompts: dict[Kind, dict[int, list[str]]] = {kind: {} for kind in Kind}
    replies: dict[Kind, dict[int, list[str]]] = {kind: {} for kind in Kind}
    for e, episode in enumerate(episodes):
        valid = [branch for branch in episode.branches if branch.attack.valid]
        if not episode.seed.direct:
            prompts[episode.seed.kind][e] = [branch.attack.move.text for branch in valid]
        replies[episode.seed.kind][e] = [
            reply.move.text
            for branch in valid
            for reply in branch.replies
            if reply.move.fault is None
        ]
    return (
        {kind: Phrases(texts) for kind, texts in prompts.items()},
        {kind: Phrases(texts) for kind, texts in replies.items()},
    )


def _scored_reply(
    episode: Episode[Checked],
    branch: Branch[Checked],
    r: int,
    word: Judgement | None,
    elsewhere: Elsewhere,
    bench: Bench,
) -> Scored:
    move = branch.replies[r].move
    outcome = Outcome(
        role=Role.DEFENDER,
        seed=episode.seed,
        prompt=branch.attack.move.text,
        reply=move.text,
        siblings=tuple(
            other.move.text
            for at, other in enumerate(branch.replies)
            if at != r and other.move.fault is None
        ),
        elsewhere=elsewhere,
    )
    earned = reward(move, word, bench.faults, bench.defender_rule, outcome)
    return Scored(move=move, reward=earned, judgements={"reply": word} if word else {})


def _scored_attack(
    episode: Episode[Checked],
    b: int,
    reply: Scored | None,
    word: Judgement | None,
    elsewhere: Elsewhere,
    bench: Bench,
) -> Scored:
    attack = episode.branches[b].attack
    judgements = {"faithful": attack.verdict, "attack": word}
    known = {name: each for name, each in judgements.items() if each is not None}
    if attack.verdict is not None and attack.verdict.value is None:
        unknown = Reward(value=None, because=Missing.JUDGE_FAILED)
        return Scored(move=attack.move, reward=unknown, judgements=known)
    outcome = Outcome(
        role=Role.ATTACKER,
        seed=episode.seed,
        prompt=attack.move.text,
        reply=reply.move.text if reply else "",
        siblings=tuple(
            other.attack.move.text
            for at, other in enumerate(episode.branches)
            if at != b and other.attack.valid
        ),
        elsewhere=elsewhere,
    )
    earned = reward(attack.move, word, bench.faults, bench.attacker_rule, outcome)
    return Scored(move=attack.move, reward=earned, judgements=known)
