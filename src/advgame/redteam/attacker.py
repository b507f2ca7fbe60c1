"""The Attacker of a campaign: a run's or a plain model, asked for prompts at any temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from advgame.derive import derive
from advgame.each import sample_each
from advgame.engines.gather import Gather
from advgame.errors import RejectedError
from advgame.evals.attacked import open_attacker
from advgame.game.check import Checked, check
from advgame.protocols import FaithfulnessCheck
from advgame.types import Completion, Fault, Message, Move, SampleRequest, Seed


class Attacker:
    """Draws prompts and checks that they still ask for what the seed asks.

    Draws that come at the same time are made in one batch. A seed that the Attacker's model does
    not take (too long, or rejected by its endpoint) has no prompt; the others have theirs. One that
    takes not even a plain word ends the campaign.
    """

    def __init__(self, name: str, *, key_env: str | None = None, checked: bool = True) -> None:
        """Load the Attacker.

        Args:
            name: a run (`RUN`, `RUN@STEP`), a model, or `openai:MODEL@BASE_URL`.
            key_env: the variable that holds the endpoint's key.
            checked: whether prompts are checked: by the run's own check, or by similarity.

        Raises:
            AdvGameError: it cannot be loaded.
        """
        self.name = name
        self._seat, judge, self._drift = open_attacker(name, key_env=key_env, checked=checked)
        self._judge: FaithfulnessCheck = judge
        serve = partial(sample_each, self._seat.sampler)
        self._draw = Gather[SampleRequest, tuple[Completion, ...] | RejectedError](serve)
        self._check = Gather[tuple[Seed, Move], Checked](self._check_all)

    @property
    def temperature(self) -> float:
        """What it was trained to draw at."""
        return self._seat.sampling.temperature

    async def prompt(
        self,
        seed: Seed,
        *part: str | int,
        temperature: float | None = None,
        after: Sequence[Message] = (),
    ) -> Move:
        """Draw one prompt and check it.

        Args:
            seed: what it is to ask for.
            part: names the draw; the same name gives the same prompt.
            temperature: None = its own.
            after: what follows the request in its chat: earlier tries and what came of them.
        """
        own = self._seat
        how = own.sampling
        if temperature is not None:
            how = replace(how, temperature=temperature)
        request = SampleRequest(
            messages=(
                *own.format.messages(seed.text, seed.kind, own.system, seed.scene is not None),
                *after,
            ),
            seeds=(derive(0, "redteam", seed.id, *part),),
            sampling=how,
            prefill=own.format.prefill,
        )
        drawn = await self._draw(request)
        if isinstance(drawn, RejectedError):
            return Move(text="", fault=Fault.UNPARSEABLE)
        (completion,) = drawn
        return (await self._check((seed, own.read(completion)))).move

    async def _check_all(self, drawn: Sequence[tuple[Seed, Move]]) -> list[Checked]:
        seeds = [seed for seed, _ in drawn]
        moves = [(move,) for _, move in drawn]
        checked = await check(seeds, moves, self._judge, drift_ratio=self._drift)
        return [each for (each,) in checked]
