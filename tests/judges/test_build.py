import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from builders import seed
from pydantic import TypeAdapter

from advgame.config.judges import Check as CheckConfig
from advgame.config.judges import Judge as JudgeConfig
from advgame.config.players import Engine
from advgame.errors import AdvGameError, ConfigError, JudgeError
from advgame.judges.build import build_check, build_judge
from advgame.judges.faithfulness import GenerativeCheck, NoCheck
from advgame.judges.pairwise import PairwiseJudge
from advgame.judges.pointwise import PointwiseJudge
from advgame.protocols import Embedder, FaithfulnessCheck, Judge, JudgeGroup, Sampler
from advgame.testing import RuleJudge, ScriptedSampler
from advgame.types import Role


class Factory:
    def __init__(self) -> None:
        self.asked: list[tuple[Engine, str]] = []

    def __call__(self, engine: Engine, model: str) -> Sampler:
        self.asked.append((engine, model))
        return ScriptedSampler(["Verdict: 6"])


def no_embedder(name: str) -> Embedder:
    raise AssertionError(f"no embedder needed, asked for {name}")


def judge(cache_dir: Path | None = None, **config: object) -> Judge:
    parsed = TypeAdapter(JudgeConfig).validate_python(config)
    return build_judge(parsed, Factory(), no_embedder, cache_dir)


def check(**config: object) -> FaithfulnessCheck:
    parsed = TypeAdapter(CheckConfig).validate_python(config)
    return build_check(parsed, Factory(), no_embedder, None)


def test_builds_what_the_configuration_says() -> None:
    assert isinstance(judge(type="generative", model="m"), PairwiseJudge)
    assert isinstance(judge(type="generative", model="m", mode="pointwise"), PointwiseJudge)
    assert isinstance(judge(type="rule"), RuleJudge)
    assert isinstance(check(type="generative", model="m"), GenerativeCheck)
    none = check(type="none")
    assert isinstance(none, NoCheck)
    [judged] = asyncio.run(none.check([(seed(), "x")]))
    assert judged.value == 1.0


@pytest.mark.parametrize("setting", [{}, {"cache": "off"}])
def test_verdicts_lie_where_the_configuration_says(tmp_path: Path, setting: dict[str, str]) -> None:
    built = judge(tmp_path / "run", type="generative", model="m", mode="pointwise", **setting)
    group = JudgeGroup(role=Role.DEFENDER, seed=seed(), request="x", replies=("y",))
    [[judged]] = asyncio.run(built.judge([group]))
    assert judged.value == 6
    assert (tmp_path / "run").exists() == (not setting)


def test_own_cache_folder_wins(tmp_path: Path) -> None:
    judge(tmp_path / "run", type="generative", model="m", cache=str(tmp_path / "own"))
    assert (tmp_path / "own").is_dir()
    assert not (tmp_path / "run").exists()


def test_own_rubrics_are_checked(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="is not a folder"):
        judge(type="generative", model="m", rubrics=str(tmp_path / "none"))


OWN = """
from advgame.types import Cost, Judgement

class Length:
    cost = Cost()

    def __init__(self, best=100):
        self.best = best

    async def judge(self, groups, /):
        return [
            tuple(Judgement(value=10.0 * min(1, len(reply) / self.best)) for reply in group.replies)
            for group in groups
        ]

class Anything:
    cost = Cost()

    async def check(self, prompts, /):
        return [Judgement(value=1.0) for _ in prompts]

number = 7
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_judge.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_judge", raising=False)


@pytest.mark.usefixtures("own")
def test_a_judge_of_ones_own_from_the_working_folder() -> None:
    built = judge(type="import", path="own_judge:Length", options={"best": 4})
    group = JudgeGroup(role=Role.DEFENDER, seed=seed(), request="x", replies=("ab", "abcdef"))
    [judged] = asyncio.run(built.judge([group]))
    assert [each.value for each in judged] == [5, 10]
    assert isinstance(check(type="import", path="own_judge:Anything"), FaithfulnessCheck)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("own_judge:Anything", "not a Judge"),
        ("own_judge:number", "name a class or function"),
    ],
)
def test_what_is_no_judge_is_refused(path: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        judge(type="import", path=path)


@pytest.mark.usefixtures("own")
def test_wrong_options_are_refused() -> None:
    with pytest.raises(AdvGameError, match="unexpected keyword argument 'worst'"):
        judge(type="import", path="own_judge:Length", options={"worst": 1})


def test_importing_judges_imports_no_torch() -> None:
    code = "import sys, advgame.judges.build; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
