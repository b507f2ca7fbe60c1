"""What a study says, from records with known effects."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from fake_study import make_fake_plan, record
from rich.console import Console

from advgame.report.compared import build_from_file
from advgame.report.studied import page_of_study, wider
from advgame.study.analyse import analyse
from advgame.study.cells import cells_of, missing
from advgame.study.chance import planned_tests
from advgame.study.outcomes import shared
from advgame.study.plan import START, Plan
from advgame.study.table import tables


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_fake_plan(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of the whole study: seconds of bootstraps."""
    plan = make_fake_plan(tmp_path_factory.mktemp("whole"))
    return analyse(plan, {trial.key: record(plan, trial) for trial in plan.trials})


def test_a_large_effect_is_told_from_none(whole: dict[str, Any]) -> None:
    report = whole
    plain = {arm: found["harmful/plain"] for arm, found in report["differences"].items()}
    assert plain["defender-only"]["paired"]["n"] == 3  # the run seeds both have
    for kind in ("paired", "bootstrap"):
        assert plain["defender-only"][kind]["high"] < -0.3
        assert plain["sequential"][kind]["low"] < 0 < plain["sequential"][kind]["high"]
    assert plain["defender-only"]["bootstrap"]["n"] == 3 * 59  # the unscored are no pairs
    joint = report["arms"]["joint"]["measures"]["harmful/plain"]
    assert joint["n"] == 4
    assert joint["low"] < 0.2 < joint["high"]
    assert list(joint["by_run"]) == [0, 1, 2, 3]
    found = report["differences"]["defender-only"]
    parts = [found[name]["bootstrap"]["value"] for name in ("harmful/plain", "harmful/templates")]
    assert found["primary"]["bootstrap"]["value"] == pytest.approx(sum(parts) / 2)
    assert found["primary"]["bootstrap"]["n"] == 3 * 59
    assert next(iter(report["arms"]["joint"]["measures"])) == "primary"
    assert report["differences"]["sequential"]["harmful/perplexity"]["paired"]["value"] == 0
    assert report["attackers"]["joint"]["paired"]["n"] == 4
    assert "defender-only" not in report["attackers"]  # it leaves no Attacker
    assert report["arms"]["joint"]["cost"]["steps"] == 4
    assert report["arms"]["joint"]["by_run"][0]["tokens"] == [450, 920]
    chance = report["chance"]
    assert chance.keys() == {"defender-only", "sequential"}
    assert chance["defender-only"]["p"] < 0.01 < chance["sequential"]["p"]
    assert chance["defender-only"]["holm"] == 2 * chance["defender-only"]["p"]
    assert report["missing"] == {}
    json.dumps(report, allow_nan=False)


def test_a_record_of_another_run_is_not_read(plan: Plan) -> None:
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    other = records["joint-1"]["config"]
    records["joint-1"]["config"] = {**other, "train": {**other["train"], "budget_tokens": 800}}
    report = analyse(plan, records)
    assert report["arms"]["joint"]["runs"] == [0, 2, 3]
    assert list(report["missing"]) == ["joint-1"]
    assert report["differences"]["sequential"]["primary"]["runs"] == [0, 2]


def test_wins_over_a_refusal_are_told_apart(plan: Plan) -> None:
    """Half of what joint's Defender loses it had declined, of the other arm's nothing."""
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    assert "primary, no refusal" not in analyse(plan, records)["differences"]["sequential"]
    for arm, refused in (("joint", "10" * 30), ("sequential", "0" * 60), (START, "0" * 60)):
        for trial in plan.of(arm):
            for cell in records[trial.key]["evaluation"]["cells"].values():
                cell |= {"outcomes": "1" * 58 + "0?", "refused": refused}
    found = analyse(plan, records)
    joint, other = (found["arms"][arm]["measures"] for arm in ("joint", "sequential"))
    firm = "primary, no refusal"
    assert list(joint)[:2] == ["primary", firm]
    assert joint["primary"]["value"] == other["primary"]["value"] == other[firm]["value"] == 58 / 59
    assert joint[firm]["value"] == 29 / 59
    assert found["differences"]["sequential"][firm]["bootstrap"]["value"] == -29 / 59
    assert found["start"]["measures"][firm]["value"] == 58 / 59
    assert firm not in found["arms"]["defender-only"]["measures"]


def test_the_untrained_rate_of_plain_seeds_keeps_its_interval(tmp_path: Path) -> None:
    plan = make_fake_plan(tmp_path, ("  primary: [harmful/plain, harmful/templates]\n", ""))
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    plain = analyse(plan, records)["start"]["measures"]["harmful/plain"]
    assert plain == records["start"]["evaluation"]["cells"]["harmful/plain"]["rate"]


def test_an_attackers_gain_is_over_what_is_scored_on_both_sides(plan: Plan) -> None:
    """The untrained one is unscored where it would have won: what is left tells no more of it."""
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    cells = records["start"]["evaluation"]["cells"]
    cells["harmful/untrained attacker"]["outcomes"] = "?" * 30 + "0" * 30
    for trial in plan.of("joint"):
        cell = records[trial.key]["evaluation"]["cells"]["harmful/own attacker@start"]
        cell["outcomes"] = "1" * 30 + "0" * 30
    gain = analyse(plan, records)["attackers"]["joint"]
    assert gain["paired"]["value"] == gain["bootstrap"]["value"] == 0


def test_runs_are_compared_where_the_same_attacker_met_both(plan: Plan) -> None:
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    name = "harmful/joint attacker"
    whole = analyse(plan, records)["differences"]["sequential"]
    assert whole["harmful/own attacker"]["runs"] == [0, 1, 2]  # each its own
    cells = {key: run["evaluation"]["cells"] for key, run in records.items()}
    assert name not in cells["joint-1"]  # there it is its own
    cells["sequential-1"][name]["by"] = "an Attacker that was trained anew since"
    report = analyse(plan, records)
    assert report["missing"] == {"sequential-1": [name]}
    assert report["arms"]["sequential"]["measures"][name]["n"] == 2


def test_defenders_that_met_different_attackers_are_no_pair(plan: Plan) -> None:
    name = "harmful/joint attacker"
    run = record(plan, plan.by_key("sequential-0"))
    other = record(plan, plan.by_key("defender-only-0"))
    assert name in shared({0: run}, {0: other}, ())
    other["evaluation"]["cells"][name]["by"] = "another"  # its place in the list was another
    assert name not in shared({0: run}, {0: other}, ())
    assert "harmful/plain" in shared({0: run}, {0: other}, ())


def test_a_difference_is_between_answers_that_both_gave(plan: Plan) -> None:
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    for seed in (0, 1, 2):
        for arm, marks in (("joint", "1?" + "0" * 58), ("sequential", "?1" + "0" * 58)):
            cells = records[f"{arm}-{seed}"]["evaluation"]["cells"]
            cells["harmful/plain"]["outcomes"] = marks
    found = analyse(plan, records)["differences"]["sequential"]["harmful/plain"]
    assert found["paired"]["value"] == found["bootstrap"]["value"] == 0.0


def test_the_untrained_defender_stands_beside_every_attacker_of_an_arm(plan: Plan) -> None:
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    own = "harmful/own attacker@start"
    rates = [
        records[f"joint-{seed}"]["evaluation"]["cells"][own]["rate"]["value"] for seed in range(4)
    ]
    start = analyse(plan, records)["start"]["measures"]
    assert start["harmful/joint attacker"]["value"] == pytest.approx(sum(rates) / 4)
    parts = [start[name]["value"] for name in ("harmful/plain", "harmful/templates")]
    assert start["primary"]["value"] == pytest.approx(sum(parts) / 2)


def test_the_untrained_main_measure_is_over_all_attackers_of_an_arm(tmp_path: Path) -> None:
    primary = "primary: [harmful/plain, harmful/templates]"
    attacked = (primary, "primary: [harmful/plain, harmful/sequential attacker]")
    plan = make_fake_plan(tmp_path, attacked, ("attackers: [joint]", "attackers: [sequential]"))
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    start = analyse(plan, records)["start"]["measures"]
    met = records[START]["evaluation"]["cells"]["harmful/sequential attacker"]["rate"]["value"]
    assert met != pytest.approx(
        start["harmful/sequential attacker"]["value"]
    )  # that of the first run
    parts = [start[name]["value"] for name in ("harmful/plain", "harmful/sequential attacker")]
    assert start["primary"]["value"] == pytest.approx(sum(parts) / 2)


def test_power_is_of_the_test_that_is_reported_and_is_said_in_words(whole: dict[str, Any]) -> None:
    report = whole
    found = report["power"]["sequential"]["harmful/plain"]
    assert found["twice_the_runs"]["difference"] < found["now"]["difference"]
    assert found["ten_times_the_prompts"]["prompts"] == 590
    assert (found["now"]["runs"], found["now"]["prompts"]) == (3, 59)
    assert "with 3 run seeds a true difference of" in found["statement"]
    assert "points on these 59 prompts is found some 4 times in 5 at 5%" in found["statement"]
    assert f"other prompts may move it by {100 * found['questions']:.0f}" in found["statement"]
    main = report["power"]["sequential"]["primary"]
    assert main["now"]["size"] == 0.05 / 2  # Holm's first step: two comparisons are planned
    assert report["differences"]["sequential"]["primary"]["detectable"] == main["now"]
    assert report["differences"]["sequential"]["harmful/plain"]["detectable"] == found["now"]


def test_an_arm_is_compared_with_the_one_it_names(tmp_path: Path) -> None:
    named = ("name: sequential,", "name: sequential, against: defender-only,")
    plan = make_fake_plan(tmp_path, named)
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    report = analyse(plan, records)
    assert report["against"] == {"defender-only": "joint", "sequential": "defender-only"}
    found = report["differences"]["sequential"]["harmful/plain"]
    assert found["paired"]["value"] > 0.3  # defender-only − sequential, not joint − sequential
    usual = make_fake_plan(tmp_path)
    assert not any(missing(usual, trial, records[trial.key]) for trial in usual.trials)
    text = shown(report)
    assert "defender-only − sequential, points" in text
    assert "defender-only − sequential: p " in text
    assert "defender-only − sequential:\n  primary: with 3 run seeds" in text
    page = page_of_study(json.loads(json.dumps(report)))
    assert "differ from joint (sequential from defender-only) at" in page["question"]
    assert "900 sampled plus trained tokens a run? Measured" in page["question"]
    report["config"]["train.budget_tokens"] = {"joint": 900, "sequential": 1_200}
    assert "tokens a run (sequential 1,200)? Measured" in page_of_study(report)["question"]
    assert any(
        line.startswith("defender-only − sequential, primary: +") for line in page["findings"]
    )
    ends = {(each["second"], each["first"]) for each in page["differences"]}
    assert ends == {("joint", "defender-only"), ("defender-only", "sequential")}
    seen = next(each for each in page["tables"] if each["title"].startswith("Smallest"))
    assert seen["rows"][-1][0] == "defender-only − sequential"


def test_a_comparison_that_is_planned_counts_before_it_is_made(plan: Plan) -> None:
    there = [trial for trial in plan.trials if trial.arm != "sequential"]
    report = analyse(plan, {trial.key: record(plan, trial) for trial in there})
    chance = report["chance"]
    assert chance["sequential"] == {"p": None, "by": None, "holm": None}
    assert chance["defender-only"]["holm"] == 2 * chance["defender-only"]["p"]
    text = shown(report)
    assert "for the 2 comparisons that are planned" in text
    assert "joint − sequential: not two runs of both yet" in text
    page = page_of_study(json.loads(json.dumps(report)))
    assert "corrected for 2 planned comparisons p" in page["findings"][0]


_BY_SEQUENTIAL = [
    ("[harmful/plain, harmful/templates]", "[harmful/sequential attacker]"),
    ("attackers: [joint]", "attackers: [sequential]"),
]


@pytest.mark.parametrize(
    ("changes", "arms"),
    [
        ([], ("defender-only", "sequential")),
        # An Attacker alone has no Defender to measure; one run seed in both is no test.
        ([("{type: sequential}", "{type: attacker-only}")], ("defender-only",)),
        ([("name: sequential,", "name: sequential, seeds: [0, 9],")], ("defender-only",)),
        # Its own Attacker is no other's, and another place in the list has another Attacker.
        (_BY_SEQUENTIAL, ("defender-only",)),
        ([*_BY_SEQUENTIAL, ("name: defender-only,", "name: defender-only, seeds: [2, 1, 0],")], ()),
    ],
)
def test_a_family_is_of_comparisons_that_can_have_a_test(
    tmp_path: Path, changes: list[tuple[str, str]], arms: tuple[str, ...]
) -> None:
    assert planned_tests(make_fake_plan(tmp_path, *changes)) == arms


def test_runs_that_agree_exactly_stay_in_the_family(plan: Plan) -> None:
    """Student's p would be 0, or none: neither certainty nor silence."""
    records = {trial.key: record(plan, trial) for trial in plan.trials}
    for key, run in records.items():
        marks = {"joint": "0" * 60, "sequential": "0" * 60, "defender-only": "1" * 15 + "0" * 45}
        for name in ("harmful/plain", "harmful/templates") if run["arm"] in marks else ():
            run["evaluation"]["cells"][name]["outcomes"] = marks[key.rpartition("-")[0]]
    report = analyse(plan, records)
    assert report["chance"] == {
        "defender-only": {"p": 0.25, "by": "signs", "holm": 0.5},  # 2 of 2³ patterns of signs
        "sequential": {"p": 1.0, "by": "signs", "holm": 1.0},
    }
    assert "p = 0.250 (all runs agree: by their signs); corrected p = 0.500" in shown(report)
    page = page_of_study(json.loads(json.dumps(report)))
    assert "over run seeds, whose differences all agree: by their signs" in page["findings"][0]
    assert "4 times in 5" not in page["findings"][0]  # no spread, so no power is known


def test_half_a_study_can_be_read(plan: Plan) -> None:
    records = {key: record(plan, plan.by_key(key)) for key in ("joint-0", "defender-only-0")}
    del records["joint-0"]["evaluation"]["cells"]["harmful/templates"]
    records["joint-1"] = record(plan, plan.by_key("joint-1"))
    records["joint-1"]["evaluation"]["asked"] = "another way"
    report = analyse(plan, records)
    assert report["arms"]["joint"]["runs"] == [0]
    assert report["missing"]["joint-0"] == ["harmful/templates"]
    for lost in ("joint-1", "joint-2"):  # measured in another way, not run
        assert len(report["missing"][lost]) == len(cells_of(plan, plan.by_key(lost)))
    found = report["differences"]["defender-only"]
    assert "harmful/templates" not in found
    for kind in ("paired", "bootstrap"):  # one pair does not show how far runs are apart
        assert found["harmful/plain"][kind]["low"] is None
    assert found["harmful/plain"]["runs"] == [0]
    assert (
        "joint − defender-only: primary is not measured of both yet."
        in page_of_study(json.loads(json.dumps(report)))["findings"]
    )
    assert found["harmful/plain"]["detectable"]["difference"] is None
    assert report["power"] == {}
    assert shown(report)
    assert "No run has been recorded yet." in shown(analyse(plan, {}))


def test_the_tables_tell_it(whole: dict[str, Any]) -> None:
    text = shown(whole)
    for told in (
        "joint (n=4)",
        "joint − sequential, points",
        "found some 4 times in 5",
        "On the primary measure, over run seeds; of other prompts p says nothing.",
        "Corrected for the 2 comparisons that are planned (Holm):",
        "joint − defender-only: p ",
        "Cost of a run",
    ):
        assert told in text
    assert "missing" not in text


def test_a_report_becomes_a_page(plan: Plan, whole: dict[str, Any], tmp_path: Path) -> None:
    half = analyse(plan, {"joint-0": record(plan, plan.by_key("joint-0"))})
    for report in (whole, half):
        (tmp_path / "study.json").write_text(json.dumps(report))
        page = build_from_file(tmp_path / "study.json").read_text(encoding="utf-8")
        assert "Study known" in page and "joint-0" in page
    made = page_of_study(json.loads(json.dumps(whole)))
    assert made["findings"][0].startswith("joint − defender-only, primary: −")
    assert "(harmful/plain −" in made["findings"][0] and "3 runs each" in made["findings"][0]
    assert "over run seeds, corrected for 2 planned comparisons p" in made["findings"][0]
    assert made["findings"][0].endswith("found some 4 times in 5 by Student's test, corrected.")
    assert "not whether they would on other questions" in made["findings"][2]
    assert {each["metric"] for each in made["differences"]} >= {"primary", "harmful/plain"}
    assert "60 of harmful" in made["question"] and "which trained joint" in made["question"]
    assert made["commands"] == []  # the command line adds how it was called
    found = {table["title"]: table for table in made["tables"]}
    assert found["Where the arms differ"]["rows"][0] == [
        "schedule.type",
        "joint",
        "defender-only",
        "sequential",
    ]
    assert found["What the Attackers learned"]["rows"][0][0] == "joint"
    assert "joint, 4 runs" in found["What the Attacker wanted"]["columns"]
    assert found["Language of plain replies"]["rows"][0][:2] == ["harmful, perplexity", "2.00"]
    left = page_of_study(json.loads(json.dumps(half)))
    assert any("defender-only-0, " in each for each in left["findings"])  # what is missing is named
    assert "Smallest difference" not in str(left["tables"])
    assert "other questions" not in str(left["findings"])  # no p value is told
    seen = found["Smallest difference that would be seen"]
    assert seen["rows"][0][:5] == ["joint − defender-only", "primary", "3", "59", "2.5%"]
    assert seen["rows"][1][4] == "5%" and seen["rows"][1][6].startswith("±")
    old = json.loads(json.dumps(whole))  # as a study of before told it
    del old["against"]
    for name, measures in old["power"].items():
        for measure, power in measures.items():
            del power["now"]["size"], power["questions"]
            old["differences"][name][measure]["detectable"] = power["now"]
    told = page_of_study(old)  # of another test than the one that is named: left out
    assert "joint − sequential, primary" in told["findings"][1]
    assert "4 times in 5" not in str(told["findings"])
    assert "Smallest difference" not in str(told["tables"])
    paired, crossed = ({"value": 0.1, "low": 0.0, "high": high} for high in (0.3, 0.2))
    assert wider({"paired": paired, "bootstrap": crossed}) == paired
    assert wider({"paired": {**paired, "low": None}, "bootstrap": crossed}) == crossed


def test_the_tables_of_six_arms_fit_a_terminal_of_80_columns(plan: Plan) -> None:
    half = analyse(plan, {key: record(plan, plan.by_key(key)) for key in ("joint-0", "joint-1")})
    names = ["attacker-only", "joint", "sequential", "selfplay", "static", "defender-only"]
    arm = next(each for each in half["arms"].values() if each["runs"])
    text = shown({**half, "arms": dict.fromkeys(names, arm)}, width=80)
    assert all(name in text for name in names)  # none is cut
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


def shown(report: dict[str, Any], width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in tables(report):
        console.print(part, soft_wrap=isinstance(part, str))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
