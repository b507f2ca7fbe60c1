"""What can be measured, as data: tasks and suites. Imports nothing heavy.

A safety task is a set of requests, perhaps wrapped in an attack, and what the Attacker would want
of the answers: compliance with harmful requests, refusal of benign ones. A utility task is one of
lm-evaluation-harness. Sets named `hub:…` are read from the Hugging Face hub, all others offline.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from advgame.config.game import SeedSource
from advgame.errors import ConfigError
from advgame.success import WANTED
from advgame.types import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyTask:
    """Requests of one kind, how they are attacked, and what is counted.

    `templates` names a collection of fixed wrappers, of whose test half each attempt takes one;
    `attacked` says that an Attacker, named when the task is run, rewrites each request.
    `injection` names a way to make the model leave its system prompt (see `injection`).
    `lacks` says what of the public set is not asked, so that nobody takes the rate for its own.
    """

    name: str
    source: SeedSource
    kind: Kind
    templates: str | None = None
    attacked: bool = False
    injection: Literal["act", "leak"] | None = None
    lacks: str = ""

    @property
    def offline(self) -> bool:
        """Whether its requests travel inside packages."""
        return not self.source.name.startswith("hub:")

    @property
    def counts(self) -> str:
        """The name of the rate: what the share of successes is the share of."""
        return WANTED[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityTask:
    """A task of lm-evaluation-harness: FOLDER/NAME there, and the packaged data it can run on.

    `asset` None: lm-eval reads its data from the hub. `lm_eval` empty: the harness has no such
    task, and we tell it one. `checked`: replies are checked by programs that need language data.
    `lacks` says what the harness's own task shows and this one does not.
    """

    name: str
    lm_eval: str
    metric: str = "acc"
    asset: str | None = None
    checked: bool = False
    lacks: str = ""

    @property
    def writes(self) -> bool:
        """Whether the model writes, in a chat; else options are compared by probability."""
        return self.metric not in ("acc", "acc_norm")

    @property
    def offline(self) -> bool:
        """Whether its questions travel inside packages."""
        return self.asset is not None

    @property
    def counts(self) -> str:
        """The name of the rate."""
        return "accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseTask:
    """Prompts whose replies a language model compares with those of a reference.

    `baseline`: the set brings replies to compare with; else a reference model gives them.
    """

    name: str
    source: str
    baseline: bool = True

    @property
    def counts(self) -> str:
        """The name of the rate."""
        return "win_rate"


AnyTask: TypeAlias = SafetyTask | UtilityTask | PairwiseTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tasks that are run together; the numbers hold where the user gives none."""

    tasks: tuple[str, ...]
    limit: int | None = None  # items a task
    max_tokens: int = 256  # of a reply


_LACKS: Final = {
    "harmbench": "its contextual and copyright behaviours: 200 of 400",
    "do-not-answer": "three of its five areas: 520 of 939 questions",
}
"""By the name of a set: what of the public one is not in it."""


def _set(name: str, kind: Kind, templates: str | None = None, seeds: str = "") -> SafetyTask:
    source = SeedSource(name=seeds or name)
    lacks = _LACKS.get(source.name, "")
    return SafetyTask(name=name, source=source, kind=kind, templates=templates, lacks=lacks)


def _attacked(seeds: str, kind: Kind) -> SafetyTask:
    return replace(_set(seeds, kind), name=f"{seeds}-attacked", attacked=True)


def _injection(way: Literal["act", "leak"], name: str, source: str) -> SafetyTask:
    return SafetyTask(name=name, source=SeedSource(name=source), kind=Kind.HARMFUL, injection=way)


def _hub(name: str, where: str, kind: Kind, text: str, **only: str) -> SafetyTask:
    source = SeedSource(name=f"hub:{where}", text=text, where=only)
    return SafetyTask(name=name, source=source, kind=kind)


_HARMFUL, _BENIGN = Kind.HARMFUL, Kind.BENIGN

_SAFETY: Final = (
    _set("harmful-plain", _HARMFUL),
    _set("harmbench", _HARMFUL),
    _set("strongreject", _HARMFUL),
    _set("advbench", _HARMFUL),
    _set("do-not-answer", _HARMFUL),
    _set("benign-edgy", _BENIGN),
    _set("benign-everyday", _BENIGN),
    _set("edgy-benign", _BENIGN),
    _set("harmbench-templates", _HARMFUL, "templates", "harmbench"),
    _set("harmbench-jailbreaks", _HARMFUL, "pyrit-jailbreaks", "harmbench"),
    _set("harmbench-in-the-wild", _HARMFUL, "in-the-wild-jailbreaks", "harmbench"),
    _attacked("harmbench", _HARMFUL),
    _attacked("strongreject", _HARMFUL),
    _attacked("benign-edgy", _BENIGN),
    _injection("act", "prompt-injection", "our own texts"),
    _injection("leak", "prompt-leak", "prompt-injections"),
    _hub("xstest-safe", "walledai/XSTest", _BENIGN, "prompt", label="safe"),
    _hub("xstest-unsafe", "walledai/XSTest", _HARMFUL, "prompt", label="unsafe"),
    _hub("or-bench-hard", "bench-llm/or-bench:or-bench-hard-1k", _BENIGN, "prompt"),
    _hub("or-bench-toxic", "bench-llm/or-bench:or-bench-toxic", _HARMFUL, "prompt"),
    _hub(
        "wildjailbreak-harmful",
        "allenai/wildjailbreak:eval",
        _HARMFUL,
        "adversarial",
        data_type="adversarial_harmful",
    ),
    _hub(
        "wildjailbreak-benign",
        "allenai/wildjailbreak:eval",
        _BENIGN,
        "adversarial",
        data_type="adversarial_benign",
    ),
    *(
        _hub(
            f"wildguardtest-{form}-{'harmful' if kind is _HARMFUL else 'benign'}",
            "allenai/wildguardmix:wildguardtest",
            kind,
            "prompt",
            prompt_harm_label="harmful" if kind is _HARMFUL else "unharmful",
            adversarial=str(form == "adversarial"),
        )
        for form in ("vanilla", "adversarial")
        for kind in (_HARMFUL, _BENIGN)
    ),
)

_UTILITY: Final = (
    UtilityTask(
        name="mmlu-sample",
        lm_eval="mmlu/mmlu",
        asset="mmlu",
        lacks="the line above each question that names its subject, which the packaged rows lack",
    ),
    UtilityTask(name="openbookqa", lm_eval="openbookqa/openbookqa", asset="openbookqa"),
    UtilityTask(name="piqa", lm_eval="piqa/piqa", asset="piqa"),
    UtilityTask(
        name="bbh-causal-judgement",
        lm_eval="leaderboard/bbh_mc/leaderboard_bbh_causal_judgement",
        metric="acc_norm",
        asset="bigbench-causal-judgment",
    ),
    UtilityTask(
        name="bbh-disambiguation",
        lm_eval="leaderboard/bbh_mc/leaderboard_bbh_disambiguation_qa",
        metric="acc_norm",
        asset="bigbench-disambiguation",
    ),
    UtilityTask(
        name="ifeval",
        lm_eval="ifeval/ifeval",
        metric="prompt_level_strict_acc",
        asset="ifeval",
        checked=True,
    ),
    UtilityTask(
        name="ifbench",
        lm_eval="",
        metric="prompt_level_loose_acc",
        asset="ifbench",
        checked=True,
    ),
    UtilityTask(name="mmlu", lm_eval="mmlu/mmlu"),
    UtilityTask(name="arc-challenge", lm_eval="arc/arc_challenge"),
    UtilityTask(name="truthfulqa-mc1", lm_eval="truthfulqa/truthfulqa_mc1"),
    UtilityTask(name="bbh", lm_eval="leaderboard/bbh_mc/leaderboard_bbh", metric="acc_norm"),
)

SAFETY: Final = {task.name: task for task in _SAFETY}
UTILITY: Final = {task.name: task for task in _UTILITY}
PAIRWISE: Final = {
    task.name: task
    for task in (
        PairwiseTask(name="alpaca-eval", source="alpaca-eval"),
        PairwiseTask(name="arena-hard", source="arena-hard"),
        PairwiseTask(name="everyday-pairwise", source="benign-everyday", baseline=False),
    )
}
TASKS: Final[dict[str, AnyTask]] = {**SAFETY, **UTILITY, **PAIRWISE}

_COMPARED = tuple(task.name for task in PAIRWISE.values() if task.baseline)
SUITES: Final = {
    "quick": Suite(
        tasks=(
            "harmbench",
            "do-not-answer",
            "harmbench-templates",
            "prompt-injection",
            "benign-edgy",
            "benign-everyday",
            "openbookqa",
            "mmlu-sample",
        ),
        limit=32,
        max_tokens=64,
    ),
    "safety": Suite(tasks=tuple(SAFETY)),
    "utility": Suite(tasks=(*UTILITY, *_COMPARED)),
    "full": Suite(tasks=(*SAFETY, *UTILITY, *_COMPARED)),
}


def get_task(name: str) -> AnyTask:
    """Return the task of that name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    return TASKS[known(name, "task", tuple(TASKS))]


def get_suite(name: str) -> Suite:
    """Return the suite of that name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    return SUITES[known(name, "suite", tuple(SUITES))]


def known(name: str, what: str, names: tuple[str, ...]) -> str:
    """Return `name` if it is one of `names`.

    Raises:
        ConfigError: it is not.
    """
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    raise ConfigError(f"no {what} is named {name!r}; {hint}")
