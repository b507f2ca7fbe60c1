"""Questions to a language model, answers from it: the one place that samples verdicts.

Identical questions are asked once. A question whose verdict is unusable is asked again, `retries`
times, each with its own seed; what is still unusable then stays without an answer, it never
becomes a score. The same holds for a question that the model does not take, too long a one or one
that a provider's filter stops: it costs the others nothing. Only usable verdicts are cached, each
with what drawing it took: a step that is played again after a crash counts what it counted before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from advgame.derive import derive, digest
from advgame.each import sample_each
from advgame.errors import RejectedError
from advgame.judges.cache import VerdictCache
from advgame.judges.prompting import judge_prompt
from advgame.judges.verdict import Form, Values, parse
from advgame.protocols import Sampler
from advgame.types import Completion, Cost, Finish, Message, SampleRequest, Sampling


@dataclass(frozen=True, slots=True)
class Question:
    """A judge prompt and the form its verdict must have."""

    prompt: str
    form: Form
    fence: str
    quoted: tuple[str, ...]  # the untrusted texts in it


@dataclass(frozen=True, slots=True)
class Answer:
    """The values of a verdict, or why there are none, and all that the judge wrote."""

    values: Values | None
    problem: str
    raw: str
    cost: Cost = field(default=Cost())  # of all tries


def question(form: Form, frame: str, criterion: str, texts: Mapping[str, str]) -> Question:
    """Compose a question about untrusted `texts`, given by placeholder of `frame`."""
    prompt, fence = judge_prompt(frame, criterion, texts)
    return Question(prompt, form, fence, tuple(texts.values()))


class Asker:
    """Asks one language model."""

    def __init__(
        self,
        sampler: Sampler,
        *,
        identity: str,
        sampling: Sampling,
        retries: int,
        cache: VerdictCache | None,
        accept_cut: bool = False,
        state: str = "",
    ) -> None:
        """Bind a model.

        Args:
            sampler: the model.
            identity: names the model, for the cache.
            sampling: how it draws.
            retries: further tries for an unusable verdict.
            cache: None = ask always.
            accept_cut: read a verdict in an output that was cut off at the token limit, too; the
                cut may have taken a later one.
            state: tells the model from itself with other weights, for the cache.
        """
        self._sampler = sampler
        self._identity = identity
        self._sampling = sampling
        self._retries = retries
        self._cache = cache
        self._accept_cut = accept_cut
        self._state = state
        self._cost = Cost()

    @property
    def cost(self) -> Cost:
        """What all answers so far took; one from the cache, what it took when it was drawn."""
        return self._cost

    async def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return an answer to each question, in order.

        Raises:
            EndpointError: the model's endpoint did not serve.
            RejectedError: it takes not even a plain word.
        """
        asked = {self._key(each): each for each in questions}
        answers = {key: self._cached(key, each) for key, each in asked.items()}
        hopeless: set[str] = set()
        for attempt in range(self._retries + 1):
            unanswered = [k for k, a in answers.items() if a.values is None and k not in hopeless]
            if not unanswered:
                break
            drawn = await self._draw(
                [self._request(asked[key].prompt, key, attempt) for key in unanswered]
            )
            for key, output in zip(unanswered, drawn, strict=True):
                before = answers[key].cost
                if isinstance(output, RejectedError):
                    hopeless.add(key)
                    answers[key] = Answer(None, f"not taken: {output}", "", before)
                    continue
                answers[key] = self._read(asked[key], output, before)
                if self._cache is not None and answers[key].values is not None:
                    self._cache.put(self._place(key), _kept(answers[key], attempt))
        self._cost = sum((answer.cost for answer in answers.values()), self._cost)
        return [answers[self._key(each)] for each in questions]

    async def _draw(self, requests: Sequence[SampleRequest]) -> list[Completion | RejectedError]:
        """Return an output a request, or why the model does not take it."""
        return [
            each if isinstance(each, RejectedError) else each[0]
            for each in await sample_each(self._sampler, requests)
        ]

    def _key(self, asked: Question) -> str:
        """Content hash of all that an answer depends on; a question's seeds follow from it."""
        return digest(self._identity, asdict(self._sampling), asked.form.name, asked.prompt)

    def _place(self, key: str) -> str:
        """Where an answer is kept: other weights, or another rule for cut ones, have another."""
        return digest(key, self._state, self._accept_cut and "no planted one", "with attempt")

    def _cached(self, key: str, asked: Question) -> Answer:
        kept = self._cache.get(self._place(key)) if self._cache is not None else None
        match _json(kept):
            case [str(output), int(tokens), int(flops), int(attempt)] if attempt <= self._retries:
                return _parsed(asked, output, Cost(judge_tokens=tokens, flops=flops))
        return Answer(None, "not asked", "")

    def _read(self, asked: Question, completion: Completion, before: Cost) -> Answer:
        """The answer in an output; tries `before` it count."""
        drawn = completion.cost
        tokens = drawn.read_tokens + drawn.sampled_tokens
        cost = before + Cost(judge_tokens=tokens, flops=drawn.flops)
        cut = completion.finish is Finish.LENGTH
        if cut and not self._accept_cut:
            return Answer(None, "cut off at the token limit", completion.text, cost)
        return _parsed(asked, completion.text, cost, cut=cut)

    def _request(self, prompt: str, key: str, attempt: int) -> SampleRequest:
        return SampleRequest(
            messages=(Message(role="user", content=prompt),),
            seeds=(derive(0, "verdict", key, attempt),),
            sampling=self._sampling,
        )


def _parsed(asked: Question, output: str, cost: Cost, *, cut: bool = False) -> Answer:
    verdict = parse(asked.form, output, fence=asked.fence, quoted=asked.quoted, cut=cut)
    return Answer(verdict.values, verdict.problem, output, cost)


def _json(text: str | None) -> object:
    try:
        return json.loads(text or "")
    except ValueError:  # nothing is kept, or somebody else wrote there
        return None


def _kept(answer: Answer, attempt: int) -> str:
    """What the cache holds of an answer: what was written, what it took, at which attempt."""
    return json.dumps([answer.raw, answer.cost.judge_tokens, answer.cost.flops, attempt])
