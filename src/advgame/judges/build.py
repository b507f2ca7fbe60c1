"""Configuration → judge or faithfulness check. The one place here that names implementations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from advgame.config.judges import (
    Check,
    EmbeddedJudgeConfig,
    GenerativeCheckConfig,
    GenerativeJudgeConfig,
    ImportedCheckConfig,
    ImportedJudgeConfig,
    NoCheckConfig,
    RuleJudgeConfig,
    SandboxJudgeConfig,
    SimilarityCheckConfig,
)
from advgame.config.judges import Judge as JudgeConfig
from advgame.config.players import Engine, OpenAIEngine
from advgame.imports import build_object
from advgame.judges.ask import Asker
from advgame.judges.cache import VerdictCache
from advgame.judges.compared import ComparedJudge
from advgame.judges.faithfulness import GenerativeCheck, NoCheck
from advgame.judges.own import OwnCheck, OwnJudge
from advgame.judges.pairwise import PairwiseJudge
from advgame.judges.pointwise import PointwiseJudge
from advgame.judges.rubric import load_rubrics
from advgame.judges.rule import RuleJudge
from advgame.judges.sandbox import SandboxJudge
from advgame.paths import expanded
from advgame.protocols import Embedder, FaithfulnessCheck, Judge, Sampler

SamplerFactory: TypeAlias = Callable[[Engine, str], Sampler]
"""(engine, model) → a sampler of its own, with a cost of its own (weights may be shared)."""
EmbedderFactory: TypeAlias = Callable[[str], Embedder]
"""name → a sentence encoder."""


def build_judge(
    config: JudgeConfig,
    sampler_factory: SamplerFactory,
    embedder_factory: EmbedderFactory,
    cache_dir: Path | None,
) -> Judge:
    """Make the judge that `config` describes.

    Args:
        config: one of the judge variants.
        sampler_factory: called once if the judge is a language model.
        embedder_factory: called once if the judge needs embeddings.
        cache_dir: where verdicts are kept if the configuration names no folder; None = nowhere.

    Raises:
        JudgeError: rubrics or heads cannot be used.
        ConfigError, OwnCodeError: a judge of one's own cannot be found or made.
    """
    match config:
        case SandboxJudgeConfig():
            return SandboxJudge()
        case EmbeddedJudgeConfig():
            from advgame.judges import embedded

            alone = embedded.build(config, embedder_factory(config.embedder))
            return ComparedJudge(alone) if config.mode == "pairwise" else alone
        case GenerativeJudgeConfig():
            rubrics = load_rubrics(config.rubrics)
            asker = _asker(config, sampler_factory, cache_dir)
            if config.mode == "pointwise":
                return PointwiseJudge(asker, rubrics)
            return PairwiseJudge(asker, rubrics, both_orders=config.both_orders)
        case RuleJudgeConfig():
            return RuleJudge()
        case ImportedJudgeConfig():
            own = build_object(config.path, "advgame.judges", config.options, Judge)
            return OwnJudge(config.path, own)


def build_check(
    config: Check,
    sampler_factory: SamplerFactory,
    embedder_factory: EmbedderFactory,
    cache_dir: Path | None,
) -> FaithfulnessCheck:
    """Make the faithfulness check that `config` describes; the rest is as for `build_judge`."""
    match config:
        case SimilarityCheckConfig():
            from advgame.judges.similarity import SimilarityCheck

            return SimilarityCheck(embedder_factory(config.embedder), config.harmful, config.benign)
        case GenerativeCheckConfig():
            rubrics = load_rubrics(config.rubrics)
            return GenerativeCheck(_asker(config, sampler_factory, cache_dir), rubrics)
        case NoCheckConfig():
            return NoCheck()
        case ImportedCheckConfig():
            own = build_object(config.path, "advgame.checks", config.options, FaithfulnessCheck)
            return OwnCheck(config.path, own)


def _state(model: str) -> str:
    """What tells a local folder from itself with other weights; nothing for a name."""
    folder = expanded(model)
    if not folder.is_dir():
        return ""
    files = sorted(each for each in folder.iterdir() if each.is_file())
    return "".join(
        f" {each.name} {each.stat().st_size} {each.stat().st_mtime_ns}" for each in files
    )


def _asker(
    config: GenerativeJudgeConfig | GenerativeCheckConfig,
    sampler_factory: SamplerFactory,
    cache_dir: Path | None,
) -> Asker:
    engine = config.engine
    where = engine.base_url if isinstance(engine, OpenAIEngine) else engine.type
    own = expanded(config.cache) if config.cache else cache_dir
    folder = None if config.cache == "off" else own
    return Asker(
        sampler_factory(engine, config.model),
        identity=f"{where} {config.model}",
        state=_state(config.model) if where == "hf" else "",
        sampling=config.sampling.draws,
        accept_cut=config.sampling.truncation == "accept",
        retries=config.retries,
        cache=VerdictCache(folder) if folder else None,
    )
