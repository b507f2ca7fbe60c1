"""An audit inside training: a second judge scores a sample of the step's own replies.

It reads what was played and returns numbers; nothing it does reaches a reward, an example or a
draw, so a run with it equals a run without it, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advgame.config import RunConfig
from advgame.config.game import GameConfig
from advgame.config.judges import (
    AuditConfig,
    EmbeddedJudgeConfig,
    JudgesConfig,
    RuleJudgeConfig,
    SandboxJudgeConfig,
)
from advgame.game.score import pick_reply
from advgame.metrics.hacking import Line, Pair, alarm, audited
from advgame.protocols import Judge, JudgeGroup
from advgame.types import Episode, Kind, Role, Scored

AUTO_EVERY = 5


@dataclass(frozen=True, slots=True)
class _Asked:
    """Replies for the second judge, and what the training judge gave them."""

    cell: str
    seed: str
    group: JudgeGroup
    given: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Audits a run's training judge while it trains."""

    judge: Judge
    config: AuditConfig
    every: int
    game: GameConfig  # the rules by which the training judges were asked
    attacker_scores: bool = True  # False: nobody judged the attacks

    @classmethod
    def of(cls, config: RunConfig, judge: Judge) -> Watch:
        """The audit that `config` asks for, by `judge`."""
        return cls(
            judge=judge,
            config=config.judges.audit,
            every=audit_every(config.judges),
            game=config.game,
            attacker_scores=config.judges.attacker_scores,
        )

    def due(self, step: int) -> bool:
        """Whether the replies of `step` are audited."""
        return self.every > 0 and step % self.every == 0

    @property
    def reach(self) -> int:
        """How many steps back the window of an audit goes."""
        return self.config.window * self.every

    async def metrics(
        self, episodes: Sequence[Episode[Scored]], earlier: Iterable[Mapping[str, Any]]
    ) -> Line:
        """Audit a sample of `episodes`.

        Args:
            episodes: what was played in this step.
            earlier: the lines of metrics so far, from which the window is taken.

        Returns:
            Flat metrics under `audit/`.

        Raises:
            EndpointError: the second judge's endpoint did not serve.
        """
        asked = [each for episode in self._sample(episodes) for each in self._questions(episode)]
        words = await self.judge.judge([each.group for each in asked]) if asked else []
        pairs: dict[str, dict[str, list[Pair]]] = {}
        unscored: dict[str, int] = {}
        for each, said in zip(asked, words, strict=True):
            scored = [
                (given, word.value)
                for given, word in zip(each.given, said, strict=True)
                if word.value is not None
            ]
            pairs.setdefault(each.cell, {}).setdefault(each.seed, []).extend(scored)
            unscored[each.cell] = unscored.get(each.cell, 0) + len(said) - len(scored)
        now = audited({cell: list(seeds.values()) for cell, seeds in pairs.items()}, unscored)
        past = [line for line in earlier if "audit/alarm" in line]
        return {**now, **alarm([*past, now][-self.config.window :])}

    def _sample(self, episodes: Sequence[Episode[Scored]]) -> list[Episode[Scored]]:
        """The first seeds of each kind, attacked and direct ones in turn."""
        chosen = []
        for kind in Kind:
            ranked: list[tuple[int, Episode[Scored]]] = []
            for direct in (False, True):
                same = [e for e in episodes if e.seed.kind is kind and e.seed.direct is direct]
                ranked += enumerate(same)
            ranked.sort(key=lambda pair: pair[0])
            chosen += [episode for _, episode in ranked[: self.config.seeds]]
        return chosen

    def _questions(self, episode: Episode[Scored]) -> Iterable[_Asked]:
        seed = episode.seed
        for branch in episode.branches:
            prompt = branch.attack.move.text
            # Guided replies say what the guide can do, and there are fewer of them as it anneals.
            own = [
                (reply.move.text, value)
                for reply in branch.replies
                if not (reply.move.completion and reply.move.completion.guided)
                and (value := _value(reply, "reply")) is not None
            ]
            if own:
                request = seed.text if self.game.judge_against == "seed" else prompt
                yield self._asked(Role.DEFENDER, episode, request, own)
        if seed.direct or not self.attacker_scores:
            return
        attacks = [
            (reply.move.text, value)
            for branch in episode.branches
            if (value := _value(branch.attack, "attack")) is not None
            and (reply := pick_reply(branch.replies, self.game.attacker_reply)) is not None
        ]
        if attacks:
            yield self._asked(Role.ATTACKER, episode, seed.text, attacks)

    def _asked(
        self,
        role: Role,
        episode: Episode[Scored],
        request: str,
        replies: Sequence[tuple[str, float]],
    ) -> _Asked:
        return _Asked(
            cell=f"{role}/{episode.seed.kind}",
            seed=f"{episode.seed.id} {episode.seed.direct}",
            group=JudgeGroup(
                role=role,
                seed=episode.seed,
                request=request,
                replies=tuple(text for text, _ in replies),
            ),
            given=tuple(value for _, value in replies),
        )


def _value(scored: Scored, name: str) -> float | None:
    """The training judge's word; of one that compares, its own score: a rank cannot run away."""
    word = scored.judgements.get(name)
    return None if word is None else word.details.get("alone", word.value)


def audit_every(judges: JudgesConfig) -> int:
    """Steps between audits; 0 = never. `auto` audits where both judges are cheap."""
    every = judges.audit.every
    if every != "auto":
        return every
    both = (judges.defender, judges.evaluation)
    return AUTO_EVERY if all(isinstance(each, EmbeddedJudgeConfig) for each in both) else 0


def audit_notes(judges: JudgesConfig) -> tuple[str, ...]:
    """What to tell at a run's start: that `auto` audits nothing, and what to set.

    Nothing where the user chose, or where the judge that trains states facts.
    """
    facts = isinstance(judges.defender, RuleJudgeConfig | SandboxJudgeConfig)
    if judges.audit.every != "auto" or audit_every(judges) or facts:
        return ()
    if judges.evaluation is None:
        return (
            "no audit of the judge that trains: set judges.evaluation to a second judge and "
            f"judges.audit.every={AUTO_EVERY} to watch it, or judges.audit.every=0",
        )
    return (
        "no audit of the judge that trains (auto: only where both judges are embedded): set "
        f"judges.audit.every={AUTO_EVERY} to watch it, or 0",
    )
