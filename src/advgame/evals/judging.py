"""The judges of an evaluation, made once a process; what language models say is kept on disk."""

from __future__ import annotations

from functools import cache

from advgame.assets import cache_dir
from advgame.config.judges import Judge as JudgeConfig
from advgame.judges.named import PatternJudge, parse_judge
from advgame.protocols import Judge


@cache
def open_judge(text: str) -> Judge:
    """Make the judge that `text` names, once a process. Verdicts of a language model are cached.

    Raises:
        AdvGameError: it cannot be made.
    """
    config = parse_judge(text)
    return PatternJudge() if config is None else build(config)


def build(config: JudgeConfig) -> Judge:
    """Make a judge; verdicts of a language model are kept in the cache folder.

    Raises:
        AdvGameError: it cannot be made.
    """
    from advgame.engines.build import judge_samplers
    from advgame.engines.embed import build_embedder
    from advgame.judges.build import build_judge

    return build_judge(config, judge_samplers(), build_embedder, cache_dir() / "eval-verdicts")
