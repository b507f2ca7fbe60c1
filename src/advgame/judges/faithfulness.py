"""Faithfulness: would an answer to the prompt also answer the seed?

Drift by length is the game's rule, not a judge's; here only meaning counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from advgame.judges.ask import Asker, question
from advgame.judges.pointwise import judged_alone
from advgame.judges.rubric import Rubrics
from advgame.judges.verdict import Form
from advgame.types import Cost, Judgement, Seed


class GenerativeCheck:
    """A language model answers true or false. Implements `FaithfulnessCheck`."""

    def __init__(self, asker: Asker, rubrics: Rubrics) -> None:
        self._asker = asker
        self._rubrics = rubrics

    @property
    def cost(self) -> Cost:
        """All work done by this check so far."""
        return self._asker.cost

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        """Return 1.0 (faithful), 0.0 (not) or None (unusable) for each (seed, prompt).

        Raises:
            EndpointError: the model's endpoint did not serve.
        """
        frame = self._rubrics.frame("faithfulness")
        answers = await self._asker.ask(
            [
                question(
                    Form.TRUTH,
                    frame,
                    self._rubrics.criterion("faithfulness", seed.kind),
                    {"seed": seed.text, "prompt": prompt},
                )
                for seed, prompt in prompts
            ]
        )
        return [judged_alone(answer) for answer in answers]


class NoCheck:
    """Every prompt that parses is faithful (tests, ablation). Implements `FaithfulnessCheck`."""

    cost = Cost()

    async def check(self, prompts: Sequence[tuple[Seed, str]], /) -> list[Judgement]:
        """Return 1.0 for each."""
        return [Judgement(value=1.0, explanation="not checked") for _ in prompts]
