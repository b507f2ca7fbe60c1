"""Every value that crosses a module boundary. All frozen; none knows torch.

One tree serves the whole game. `Episode[Move]` is what was played, `Episode[Scored]` the same
tree after judging: being scored is a type, not a field filled in later. A direct seed is an
attack whose `completion` is None, so nothing downstream needs a second copy for it.

    Episode(seed, branches)        one seed s and the A prompts made from it
      Branch(attack, replies)      one prompt x and the D replies y to it
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import add, sub
from typing import Generic, Literal, TypeAlias, TypeVar


class Kind(StrEnum):
    """What a seed asks for, known to the game and never shown to the Defender."""

    HARMFUL = "harmful"
    BENIGN = "benign"


Weights: TypeAlias = Literal["policy", "ema"]
"""What a player has learned: the weights that are trained, or their moving average."""

WeightName: TypeAlias = Literal[Weights, "start"]
"""Weights that can play: what was learned, or what the player began with."""


class Role(StrEnum):
    """Who moves. Also the two perspectives a judge can take."""

    ATTACKER = "attacker"
    DEFENDER = "defender"


class Fault(StrEnum):
    """What is wrong with a move. Why a *reward* is missing is `Reward.because`."""

    TRUNCATED = "truncated"  # hit the token limit
    UNPARSEABLE = "unparseable"  # the format's parser found no prompt or no reply
    UNFAITHFUL = "unfaithful"  # an answer to the prompt would not answer the seed


class Missing(StrEnum):
    """Why a move has no reward and stays out of credit."""

    JUDGE_FAILED = "judge failed"  # output unusable after the allowed retries
    NO_VALID_REPLY = "no valid reply"  # nothing the attack could be judged by


class Finish(StrEnum):
    """Why sampling ended."""

    STOP = "stop"
    LENGTH = "length"


Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How a prompt reaches the Defender where it is not the user's request: prompt injection.

    The Defender sees `before`, the prompt, `after`: a document or a tool's result with a text by
    somebody else in it, and a task by the user. `answers` are words of which one shows that the
    task was done; `canary` is a word, `call` the call of a tool, that shows that the text by
    somebody else was obeyed.
    """

    before: str
    after: str
    answers: tuple[str, ...]
    canary: str = ""
    call: str = ""

    def present(self, prompt: str) -> str:
        """What the Defender sees."""
        return f"{self.before}{prompt}{self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """s: one thing a user may want, in its plain form.

    With a `scene` it is a thing that somebody else may want of the user's assistant.
    """

    id: str
    text: str
    kind: Kind
    direct: bool = False  # True: the Attacker is skipped, x = s
    source: str = ""  # the set it came from
    category: str = ""
    scene: Scene | None = None  # None: the prompt is the user's own request

    def present(self, prompt: str) -> str:
        """What the Defender sees of a prompt made from this seed.

        A benign seed with a scene is the scene with nothing in it.
        """
        if self.scene is None:
            return prompt
        return self.scene.present("" if self.kind is Kind.BENIGN else prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to draw. `temperature` 0 is greedy."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_new_tokens: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """One prompt and the replies wanted to it.

    `seeds` holds one integer a reply: the draw of a reply depends on its own seed, not on the
    batch it rode in. `context` is the chat to sample under where that is not `messages` (guided
    sampling): the completion's `prompt_ids` are those of `messages` all the same. `prefill` opens
    the assistant turn; it belongs to the prompt, is not trained on, and is not part of
    `Completion.text`.
    """

    messages: tuple[Message, ...]
    seeds: tuple[int, ...]
    sampling: Sampling
    prefill: str = ""
    context: tuple[Message, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What work was done: tokens, and floating-point operations as counted from shapes."""

    sampled_tokens: int = 0
    read_tokens: int = 0  # of prompts, where sampling read them
    trained_tokens: int = 0
    reference_tokens: int = 0
    judge_tokens: int = 0
    flops: int = 0  # an integer, so that sums do not depend on where a run was resumed

    @property
    def spent_tokens(self) -> int:
        """Sampled plus trained tokens: what a budget counts."""
        return self.sampled_tokens + self.trained_tokens

    def __add__(self, other: Cost) -> Cost:
        return self._each(add, other)

    def __sub__(self, other: Cost) -> Cost:
        return self._each(sub, other)

    def _each(self, do: Callable[[int, int], int], other: Cost) -> Cost:
        names = [each.name for each in fields(self)]
        return Cost(**{name: do(getattr(self, name), getattr(other, name)) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Raw model output: what is trained on, thinking and end token included.

    `logprobs[t]` is log p(token_ids[t]) at temperature 1 under the weights that sampled it
    (`policy_version`), in the context it was sampled in; None where the engine gives none.
    With `guided` that context was another chat than the one `prompt_ids` holds.
    Engines that cannot show tokens (remote endpoints) leave `prompt_ids` and `token_ids` empty;
    such a completion is not trainable.

    `cost` is the work of drawing it, that of reading the prompt booked with the first reply to it;
    it is not written down with episodes.
    """

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    text: str
    finish: Finish
    policy_version: int
    guided: bool = False
    cost: Cost = field(default=Cost(), compare=False, repr=False)

    @property
    def trainable(self) -> bool:
        """Whether it holds the tokens a learner needs."""
        return bool(self.token_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A prompt x by the Attacker or a reply y by the Defender, parsed.

    `completion` None means: not ours to train (a direct seed, a fixed attack).
    """

    text: str
    thought: str = ""
    completion: Completion | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A judge's word on one text. `value` None = unusable; it is never turned into a 0.

    Scores run 0–10, a faithfulness verdict is 1.0 or 0.0. `details` carries the parts of a
    score (feature values, both orders of a comparison); numbers only, for metrics.
    """

    value: float | None
    explanation: str = ""
    raw: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What a move earned, or why it has no reward."""

    value: float | None
    because: Fault | Missing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A move after judging, with every judgement it got, by name."""

    move: Move
    reward: Reward
    judgements: Mapping[str, Judgement] = field(default_factory=dict)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Branch(Generic[T]):
    """One prompt and the replies to it."""

    attack: T
    replies: tuple[T, ...]


@dataclass(frozen=True, slots=True)
class Episode(Generic[T]):
    """One seed and all that was played from it."""

    seed: Seed
    branches: tuple[Branch[T], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A preference: `chosen` earned more than `rejected`, both answers to the same prompt."""

    chosen: Completion
    rejected: Completion
    margin: float = 0.0  # reward gap, for metrics
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A completion and its advantage."""

    completion: Completion
    advantage: float
    weight: float = 1.0


Example: TypeAlias = Pair | Credited


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStats:
    """What one optimiser step did. `metrics` are means over the global batch."""

    examples: int
    loss: float
    grad_norm: float
    lr: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
