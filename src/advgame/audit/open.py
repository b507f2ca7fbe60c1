"""From what the user wrote to judges under audit, and which labels are fair to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from advgame.assets import cache_dir
from advgame.audit.labels import Label
from advgame.config.judges import EmbeddedJudgeConfig
from advgame.config.judges import Judge as JudgeConfig
from advgame.judges.build import SamplerFactory, build_judge
from advgame.judges.embedded.heads import load
from advgame.judges.named import PatternJudge, describe, parse_judge
from advgame.judges.sandbox import with_facts
from advgame.protocols import Embedder, Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A judge, what it is called, and the half of the labels it has learned from, if any."""

    name: str
    judge: Judge
    learned: str | None

    def unseen(self, labels: Sequence[Label]) -> list[Label]:
        """The labels that it has not learned from."""
        return [each for each in labels if each.half != self.learned]


def _learned(config: JudgeConfig | None) -> str | None:
    """The half of the labels a judge has learned from: that of its style, whatever its name."""
    return load(config.name).style if isinstance(config, EmbeddedJudgeConfig) else None


def open_judges(texts: Sequence[str]) -> list[Audited]:
    """Make the judges that `texts` name; the sentence encoder is loaded once.

    Raises:
        AdvGameError: one of them cannot be made.
    """

    # What takes seconds to import is imported by the judge that needs it.
    @cache
    def samplers() -> SamplerFactory:
        from advgame.engines.build import judge_samplers

        return judge_samplers()

    @cache
    def embedder(name: str) -> Embedder:
        from advgame.engines.embed import build_embedder

        return build_embedder(name)

    def make(config: JudgeConfig | None) -> Judge:
        if config is None:
            return with_facts(PatternJudge())
        return with_facts(
            build_judge(
                config,
                lambda engine, model: samplers()(engine, model),
                embedder,
                cache_dir() / "audit-verdicts",
            )
        )

    configs = [parse_judge(text) for text in texts]  # all, before anything heavy is loaded
    return [
        Audited(
            name=describe(config),
            judge=make(config),
            learned=_learned(config),
        )
        for config in configs
    ]
