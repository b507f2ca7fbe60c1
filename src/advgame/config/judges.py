"""Judges: who scores replies, who checks faithfulness."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from advgame.config.base import Config
from advgame.config.players import Engine, HfEngine, SamplingConfig


class EmbeddedJudgeConfig(Config):
    """Light heads over MiniLM embeddings and text features; needs no LLM."""

    type: Literal["embedded"] = "embedded"
    name: str = "a"
    """Which of the shipped judges: a trains, b evaluates (disjoint labels, other features)."""
    mode: Literal["pointwise", "pairwise"] = "pointwise"
    """pairwise: a reply's score says how many of its group's replies it is better than."""
    embedder: str = "all-minilm-l6-v2"
    """Asset, folder or hub name of the sentence encoder."""


class GenerativeJudgeConfig(Config):
    """A language model that reads a rubric."""

    type: Literal["generative"] = "generative"
    model: str
    """Asset, folder or hub name; for an endpoint the served model's name."""
    engine: Engine = HfEngine()
    """hf or openai."""
    mode: Literal["pairwise", "pointwise"] = "pairwise"
    """pairwise compares replies two at a time; a lone survivor is always judged pointwise."""
    both_orders: bool = True
    """Ask each pair in both orders and average (the published code asks one)."""
    rubrics: str | None = None
    """Folder of one's own rubric files; null = the shipped ones."""
    retries: int = Field(2, ge=0)
    """Further tries when a verdict does not parse."""
    sampling: SamplingConfig = SamplingConfig(temperature=0.6, top_p=0.9, max_new_tokens=512)
    """How the judge draws."""
    cache: str | None = None
    """Folder of the on-disk verdict cache; null = <run>/judge-cache, "off" = none."""


class SandboxJudgeConfig(Config):
    """What the Defender did in a scene of prompt injection; seeds without a scene get no word."""

    type: Literal["sandbox"] = "sandbox"


class RuleJudgeConfig(Config):
    """A deterministic judge on the surface of the text that always finds a contrast (tests)."""

    type: Literal["rule"] = "rule"


class ImportedJudgeConfig(Config):
    """A judge of one's own: `package.module:factory`, or the name of an entry point."""

    type: Literal["import"] = "import"
    path: str
    """Dotted path of a callable, or a name in the entry-point group `advgame.judges`."""
    options: dict[str, str | int | float | bool | None] = {}
    """Keyword arguments of that callable."""


Judge = Annotated[
    EmbeddedJudgeConfig
    | GenerativeJudgeConfig
    | RuleJudgeConfig
    | SandboxJudgeConfig
    | ImportedJudgeConfig,
    Field(discriminator="type"),
]


def identity(judge: Judge) -> tuple[str, ...]:
    """What makes two judges the same one: their taste, not where or how often they are asked."""
    match judge:
        case EmbeddedJudgeConfig():
            return "embedded", judge.name
        case GenerativeJudgeConfig():
            return "generative", judge.model, judge.rubrics or ""
        case ImportedJudgeConfig():
            options = ",".join(f"{key}={value}" for key, value in sorted(judge.options.items()))
            return "import", judge.path, options
        case RuleJudgeConfig() | SandboxJudgeConfig():
            return (judge.type,)


class SimilarityCheckConfig(Config):
    """Faithful when the embeddings of seed and prompt are close enough."""

    type: Literal["similarity"] = "similarity"
    embedder: str = "all-minilm-l6-v2"
    """Asset, folder or hub name of the sentence encoder."""
    harmful: float = Field(0.5, ge=-1, le=1)
    """Least cosine for harmful seeds."""
    benign: float = Field(0.5, ge=-1, le=1)
    """Least cosine for benign seeds."""


class GenerativeCheckConfig(Config):
    """A language model answers true or false to a rubric."""

    type: Literal["generative"] = "generative"
    model: str
    """Asset, folder or hub name; for an endpoint the served model's name."""
    engine: Engine = HfEngine()
    """hf or openai."""
    rubrics: str | None = None
    """Folder of one's own rubric files; null = the shipped ones."""
    retries: int = Field(2, ge=0)
    """Further tries when a verdict does not parse."""
    sampling: SamplingConfig = SamplingConfig(temperature=0.6, top_p=0.9, max_new_tokens=512)
    """How the judge draws."""
    cache: str | None = None
    """Folder of the on-disk verdict cache; null = <run>/judge-cache, "off" = none."""


class NoCheckConfig(Config):
    """Every prompt that parses is faithful (tests, ablation)."""

    type: Literal["none"] = "none"


class ImportedCheckConfig(Config):
    """A check of one's own: `package.module:factory`, or the name of an entry point."""

    type: Literal["import"] = "import"
    path: str
    """Dotted path of a callable, or a name in the entry-point group `advgame.checks`."""
    options: dict[str, str | int | float | bool | None] = {}
    """Keyword arguments of that callable."""


Check = Annotated[
    SimilarityCheckConfig | GenerativeCheckConfig | NoCheckConfig | ImportedCheckConfig,
    Field(discriminator="type"),
]


class AuditConfig(Config):
    """The evaluation judge scores a sample of the step's replies: an alarm for reward hacking."""

    every: int | Literal["auto"] = "auto"
    """Steps between audits; 0 = never; auto = 5 if both judges are embedded, else never."""
    seeds: int = Field(6, ge=1)
    """Seeds of each kind whose replies are scored again."""
    window: int = Field(10, ge=4)
    """Audits that the alarm compares: the older half with the newer half."""


class JudgesConfig(Config):
    """Who judges what."""

    defender: Judge = EmbeddedJudgeConfig(name="a")
    """Scores replies for the Defender's reward."""
    attacker: Judge | None = None
    """Scores replies for the Attacker's reward; null = the same as the Defender's."""
    attacker_scores: bool = True
    """False: every valid prompt scores 0, only faults contrast (a published ablation)."""
    faithfulness: Check = SimilarityCheckConfig()
    """Masks prompts that changed the meaning."""
    evaluation: Judge | None = EmbeddedJudgeConfig(name="b")
    """Judges validation rounds; must not be a judge that trains."""
    audit: AuditConfig = AuditConfig()
    """Audits of the training judges by the evaluation judge, while training."""

    @property
    def measuring(self) -> Judge:
        """The judge that evaluates; without one of its own, the Defender's."""
        return self.evaluation or self.defender
