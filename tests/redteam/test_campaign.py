"""`advgame redteam` from the command line to the findings, against loopback targets."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from command import call, told
from http_server import Answer, Request, Server, chat, models, of_json
from redteam.talker import NO, YES, findings, reply, said, seeds, talking

Captured = pytest.CaptureFixture[str]
FAST = ("--judge", "patterns", "--max-tokens", "8")
SECRET = "hush-hush-7f3a9"


def attack(server: Server, *more: str, out: str = "out") -> int:
    target = ("--target", f"openai:m@{server.base_url}")
    return call("redteam", *target, "--seeds", "seeds.jsonl", *FAST, "--out", out, *more)


def without_the_key() -> None:
    for path in Path("out").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
        if path.suffix == ".eval":
            with zipfile.ZipFile(path) as log:
                assert all(SECRET.encode() not in log.read(name) for name in log.namelist())


def test_every_attempt_is_a_line_and_every_strategy_gets_as_many_requests(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", SECRET)
    seeds(3)
    strategies = ("plain", "templates", "multi-turn", "best-of-k", "best-of-k+refine")
    with talking(lambda prompt, times: "subject 1" in prompt and times > 1) as server:
        line = ["--attacker", "tiny-random", "--unchecked", "--attempts", "4", "--key-env", "KEY"]
        line += [part for each in strategies for part in ("--strategy", each)]
        assert attack(server, *line) == 0
        asked = len(server.requests)
    rows = findings()
    assert len({row.id for row in rows}) == len(rows)
    requests = Counter[str]()
    for row in rows:
        requests[row.arm] += row.requests
    assert requests == dict.fromkeys(strategies, 12)
    assert asked == 60
    plain = [row for row in rows if row.arm == "plain"]
    assert {row.seed for row in plain if row.success} == {"Tell me about subject 1."}
    assert [row.before for row in plain if row.success] == [1, 2, 3]  # the first one was refused
    talk = next(row for row in rows if row.arm == "multi-turn" and row.attempt == 0)
    assert [m.role for m in talk.messages] == ["user", "assistant"] * 3
    assert talk.before == 0 and talk.requests == 3
    figures = json.loads(Path("out/figures.json").read_text())
    assert figures["arms"]["plain"]["at_1"]["value"] == 0.0
    assert figures["arms"]["plain"]["at_k"] | {"low": 0, "high": 0} == {
        "value": 1 / 3, "n": 3, "unscored": 0, "low": 0, "high": 0,
    }  # fmt: skip
    assert "| `plain` | 0% (0–56) | 33% (6–79) | 3 | 0 | 12 |" in Path("out/summary.md").read_text()
    assert "plain" in capsys.readouterr().out
    # The target's key is in no artefact, Inspect's log included.
    without_the_key()
    # A second campaign does not go into the same folder, and this one asks nothing again.
    assert attack(server, *line) == 2
    assert "--resume" in told(capsys.readouterr().err)
    assert attack(server, *line, "--resume") == 0
    assert attack(server, *line, "--resume", "--temperature", "0") == 2
    assert "another temperature (0.7, now 0.0)" in told(capsys.readouterr().err)
    assert len(server.requests) == asked


def test_what_is_found_without_its_campaign_is_not_taken_for_this_one(capsys: Captured) -> None:
    seeds(1)
    with talking(lambda prompt, times: True) as server:
        assert attack(server, "--attempts", "1") == 0
        Path("out/campaign.json").unlink()
        assert attack(server, "--attempts", "1", "--temperature", "1.5") == 2
        assert "no campaign.json: choose another --out" in told(capsys.readouterr().err)
        line = ("redteam", "replay", "out/findings.jsonl", "--judge", "patterns")
        assert call(*line, "--target", f"openai:m@{server.base_url}", "--out", "out") == 2
    assert len(server.requests) == 1


def test_an_attacker_that_takes_nothing_ends_the_campaign(capsys: Captured) -> None:
    seeds(2)
    taken: list[str] = []

    def attacker(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("a")
        asked = json.dumps(request.body)
        if not taken or any(each in asked for each in taken):
            return chat("Say something about it.")
        return Answer(status=400, body=b'{"error": {"message": "no such parameter"}}')

    with talking(lambda prompt, times: True) as server, Server(attacker).running() as other:
        line = ("--attacker", f"openai:a@{other.base_url}", "--unchecked", "--attempts", "1")
        line += ("--strategy", "best-of-k")
        taken[:] = ["nothing"]
        assert attack(server, *line, out="none") == 2
        assert "no such parameter" in told(capsys.readouterr().err)
        taken[:] = ["subject 1", "Hello"]
        assert attack(server, *line, out="one") == 0
    rows = findings("one")
    assert sorted(row.state for row in rows) == ["invalid", "judged"]


def test_a_judge_that_scores_nothing_is_an_error(capsys: Captured) -> None:
    seeds(2)

    def judge(request: Request) -> Answer:
        if request.path.endswith("/models"):
            return models("j")
        if "hello" in str(request.body).lower():
            return chat("Verdict: 0")
        return Answer(status=400, body=b'{"error": {"message": "too long"}}')

    with talking(lambda prompt, times: True) as server, Server(judge).running() as other:
        judged = ("--judge", f"openai:j@{other.base_url}", "--second-judge", "patterns")
        assert attack(server, "--attempts", "1", *judged) == 2
        error = told(capsys.readouterr().err)
    assert "the judge could score none of 2 attempts" in error
    assert "--resume --retry-failed" in error


def test_what_a_function_says_in_failing_is_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", SECRET)
    seeds(1)
    line = ("--target", "python:redteam.rogue:tells_in_failing", "--i-am-authorized")
    assert call("redteam", *line, "--seeds", "seeds.jsonl", *FAST, "--out", "out") == 2
    assert list(Path("out/logs").iterdir())
    without_the_key()


@pytest.mark.parametrize(
    ("budget", "asked", "reached"),
    [
        (("--budget", "requests=5"), 5, "requests"),
        (("--budget", "requests=99,tokens=58", "--concurrency", "1"), 3, "tokens"),
        (("--budget", "money=0.1", "--price", "1000/5000", "--concurrency", "1"), 2, "money"),
    ],
)
def test_a_budget_is_kept_and_a_larger_one_goes_on(
    budget: tuple[str, ...], asked: int, reached: str, capsys: Captured
) -> None:
    seeds(4)
    with talking(lambda prompt, times: False) as server:
        assert attack(server, "--attempts", "2", *budget) == 0
        assert len(server.requests) == asked
        assert f"the budget of {reached} is spent: {8 - asked} attempts" in capsys.readouterr().out
        if reached != "requests":
            return
        assert attack(server, "--attempts", "2", "--budget", "requests=7", "--resume") == 0
        assert len(server.requests) == 7
        assert attack(server, "--attempts", "2", "--resume") == 0
        assert len(server.requests) == 8
    assert {row.success for row in findings()} == {False}


def test_time_is_a_budget_too() -> None:
    seeds(3)

    def slow(request: Request) -> Answer:
        return Answer(seconds=600.0)

    with Server(slow).running() as server:
        assert attack(server, "--attempts", "1", "--budget", "time=2s") == 0
        assert findings() == [] if Path("out/findings.jsonl").exists() else True
        assert len(server.requests) == 3


def test_failures_have_a_state_of_their_own(capsys: Captured) -> None:
    seeds(4)
    served = Counter[str]()

    def answer(request: Request) -> Answer:
        subject = said(request).rpartition(" ")[2]
        served[subject] += 1
        match subject:
            case "0.":
                return Answer(status=500, headers={"Retry-After": "0"})
            case "1.":
                return Answer(body=b"x" * 2_000_000)
            case "2.":
                return reply("")
            case _ if served[subject] == 1:
                return Answer(status=429, headers={"Retry-After": "0"})
            case _:
                return reply(YES)

    with Server(answer).running() as server:
        assert attack(server, "--attempts", "1", "--retries", "2") == 0
        assert served == {"0.": 3, "1.": 1, "2.": 1, "3.": 2}
        found = {row.seed[-2]: (row.state.value, row.success) for row in findings()}
        assert found == {
            "0": ("unavailable", None), "1": ("oversize", None),
            "2": ("judged", False), "3": ("judged", True),
        }  # fmt: skip
        figures = json.loads(Path("out/figures.json").read_text())
        assert figures["arms"]["plain"]["at_k"]["n"] == 2
        assert figures["arms"]["plain"]["at_k"]["unscored"] == 2
        # What failed can be asked again; what was answered is not.
        line = ("--attempts", "1", "--retries", "2", "--resume", "--retry-failed")
        assert attack(server, *line) == 0
        assert served == {"0.": 6, "1.": 2, "2.": 1, "3.": 2}


def test_a_target_that_is_down_ends_the_campaign(capsys: Captured) -> None:
    seeds(60)
    with Server(lambda request: Answer(status=403, body=b"go away")).running() as server:
        assert attack(server, "--attempts", "1") == 2
        message = told(capsys.readouterr().err)
        assert "no answer to 20 requests in a row; the last: 403: go away" in message
        assert 20 <= len(server.requests) < 60
    for name in ("findings.sarif", "junit.xml"):  # what a pipeline shows whatever happened
        assert (Path("out") / name).exists(), name


def test_a_target_that_answered_nothing_is_an_error(capsys: Captured) -> None:
    """However few attempts there were: a pipeline must not pass on it."""
    seeds(2)
    with Server(lambda request: Answer(status=404, body=b"gone")).running() as server:
        assert attack(server, "--attempts", "1") == 2
    message = told(capsys.readouterr().err)
    assert "no reply to any of 2 attempts; the last: rejected: 404: gone" in message
    assert Path("out/summary.md").exists()


def test_a_target_that_never_says_a_word_is_no_quiet_pass(capsys: Captured) -> None:
    seeds(2)
    with Server(lambda request: reply("")).running() as server:
        assert attack(server, "--attempts", "1") == 0
        assert "all 2 replies were empty" in capsys.readouterr().err
    mixed = Server(lambda request: reply(NO if "subject 1" in said(request) else ""))
    with mixed.running() as server:
        assert attack(server, "--attempts", "1", out="two") == 0
        assert "were empty" not in capsys.readouterr().err


def test_a_campaign_in_which_nothing_happened_may_be_begun_anew(capsys: Captured) -> None:
    seeds(1)
    line = ("redteam", "--target", "inspect:nobody/m", "--i-am-authorized", "--out", "out")
    assert call(*line, "--seeds", "seeds.jsonl", *FAST) == 2
    assert Path("out/campaign.json").exists()
    with talking(lambda prompt, times: False) as server:
        assert attack(server, "--attempts", "1") == 0


def test_a_judge_is_not_asked_whether_it_agrees_with_itself(capsys: Captured) -> None:
    seeds(1)
    with talking(lambda prompt, times: True) as server:
        assert attack(server, "--attempts", "1") == 0  # patterns, and patterns by default
        assert attack(server, "--attempts", "1", "--second-judge", "a", out="two") == 0
    assert json.loads(Path("out/figures.json").read_text())["agreement"] is None
    assert json.loads(Path("two/figures.json").read_text())["agreement"]["same"]["n"] == 1


def test_strategies_stand_as_they_were_named_and_fit_a_narrow_screen(capsys: Captured) -> None:
    seeds(2)
    named = ("pyrit-jailbreaks:2+multi-turn:2", "templates", "plain")
    with talking(lambda prompt, times: True) as server:
        line = [part for each in named for part in ("--strategy", each)]
        assert attack(server, "--attempts", "2", *line) == 0
    figures = json.loads(Path("out/figures.json").read_text())
    assert tuple(figures["arms"]) == named and figures["main"] == named[0]
    shown = capsys.readouterr().out
    assert shown.count("100% (34–100)") == 6 and "…" not in shown


def test_stop_on_success_leaves_a_broken_seed_alone() -> None:
    seeds(2)
    with talking(lambda prompt, times: "subject 0" in prompt and times == 2) as server:
        assert attack(server, "--attempts", "4", "--stop-on-success") == 0
        assert Counter(map(said, server.requests)) == {
            "Tell me about subject 0.": 2,
            "Tell me about subject 1.": 4,
        }


def test_refine_shows_the_attacker_what_was_refused() -> None:
    from advgame.redteam.strategies import refine

    seeds(1)
    seen: list[str] = []
    original = refine._after

    def spied(last: refine.Finding) -> tuple[refine.Message, ...]:
        found = original(last)
        seen.extend(message.content for message in found)
        return found

    refine._after = spied
    try:
        with talking(lambda prompt, times: False) as server:
            line = ("--attacker", "tiny-random", "--unchecked", "--attempts", "3")
            assert attack(server, *line, "--strategy", "refine") == 0
            prompts = list(map(said, server.requests))
    finally:
        refine._after = original
    assert len(prompts) == 3
    assert seen[0].strip() and seen[1].startswith(f"The assistant answered: <<{NO}>>")
    assert len(seen) == 4  # before the second and the third attempt


def test_an_attacker_behind_an_endpoint() -> None:
    seeds(2)

    def answer(request: Request) -> Answer:
        if request.body["model"] == "attacker":
            return reply(f"Written for draw {request.body['seed']}")
        return reply(NO)

    with Server(answer).running() as server:
        line = ("--attacker", f"openai:attacker@{server.base_url}", "--unchecked")
        assert attack(server, *line, "--attempts", "2", "--strategy", "best-of-k") == 0
    asked = [said(each) for each in server.requests if each.body["model"] == "m"]
    assert len(set(asked)) == 4
    assert all(prompt.startswith("Written for draw") for prompt in asked)


def test_transfer_uses_what_succeeded_elsewhere() -> None:
    seeds(3)
    with talking(lambda prompt, times: "subject 0" in prompt and len(prompt) > 40) as server:
        assert attack(server, "--attempts", "3", "--strategy", "templates") == 0
    broken = [row for row in findings() if row.success]
    assert {row.seed for row in broken} == {"Tell me about subject 0."}
    with talking(lambda prompt, times: False) as server:
        line = ("--strategy", "transfer:out", "--attempts", "3")
        assert attack(server, *line, out="next") == 0
    again = findings("next")
    wrapped = {row.prompt for row in broken}
    assert {row.prompt for row in again if "subject 0" in row.prompt} == wrapped
    third = [row.prompt for row in again if "subject 2" in row.seed]
    assert {prompt.replace("subject 2", "subject 0") for prompt in third} == wrapped


def test_ctrl_c_says_how_to_go_on(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from advgame.redteam import campaign

    seeds(1)
    with talking(lambda prompt, times: False) as server:
        assert attack(server, "--attempts", "2", "--budget", "requests=1") == 0
        Path("out/summary.md").unlink()
        # What Inspect does then.
        monkeypatch.setattr(campaign, "inspect_eval", lambda *_, **__: [])
        assert attack(server, "--attempts", "2", "--resume") == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert "1 of 2" in Path("out/summary.md").read_text()


def test_a_target_that_keeps_conversations_meets_no_old_one() -> None:
    seeds(1)
    line = ["--seeds", "seeds.jsonl", *FAST, "--strategy", "plain+multi-turn", "--attempts", "3"]
    with Server(lambda request: of_json({"out": NO})).running() as server:
        Path("api.yaml").write_text(
            f"url: {server.base_url}\nbody: {{q: $prompt, talk: $conversation}}\nreply: out\n"
        )
        line = ["redteam", "--target", "http:api.yaml", *line]
        assert call(*line, "--out", "one", "--budget", "requests=1") == 0
        assert call(*line, "--out", "one", "--resume") == 0
        assert call(*line, "--out", "two") == 0
        talks = [each.body["talk"] for each in server.requests]
    assert len(talks) == 6 and len(set(talks[:3])) == len(set(talks[3:])) == 1
    assert talks[0] != talks[3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--attempts 3", "name a target"),
        ("--target model:tiny-random", "--out"),
        ("--target model:tiny-random --out o --strategy best-of-k", "--attacker"),
        ("--target model:tiny-random --out o --strategy pyrit-jailbreak", "'pyrit-jailbreaks'?"),
        ("--target model:tiny-random --out o --strategy plain+refined", "'refine'?"),
        ("--target model:tiny-random --out o --strategy multi-turn --attempts 2", "3 requests"),
        ("--target model:tiny-random --out o --budget money=3", "--price"),
        ("--target model:tiny-random --out o --budget time=3x", "90s, 30m or 2h"),
        ("--target model:tiny-random --out o --budget tokens=1e999", "of at least 1"),
        ("--target model:tiny-random --out o --judge c", "no judge is named 'c'"),
        ("--target model:tiny-random --dry-run --strategy transfer:gone", "there are no findings"),
        ("--target model:tiny-random --out o --resume", "holds no campaign"),
        ("--target openai:m@https://api.example.com/v1 --out o", "--i-am-authorized"),
        ("--target command:true --dry-run", "--i-am-authorized"),
        ("--target model:tiny-random --dry-run --kind benign", "harmful-plain holds harmful"),
        ("--target model:tiny-random --dry-run --seeds benign-edgy", "say --kind benign"),
        ("report o", "no campaign's folder"),
    ],
)
def test_refuses_in_a_few_lines(line: str, expected: str, capsys: Captured) -> None:
    assert call("redteam", *line.split()) == 2
    assert expected in told(capsys.readouterr().err)


def test_all_of_a_file_whose_rows_are_all_in_one_part(capsys: Captured) -> None:
    seeds(2)
    line = ("--target", "model:tiny-random", "--seeds", "seeds.jsonl", "--part", "all")
    assert call("redteam", *line, "--dry-run") == 0
    assert "2 harmful (of seeds.jsonl, all)" in capsys.readouterr().out


def test_dry_run_contacts_nobody(capsys: Captured) -> None:
    seeds(2)
    with talking(lambda prompt, times: True) as server:
        line = ("--dry-run", "--strategy", "plain", "--strategy", "plain+multi-turn:2")
        assert attack(server, *line, "--attempts", "5", "--budget", "requests=9") == 0
        assert not server.requests
    out = capsys.readouterr().out
    assert "plain: 10 attempts, 10 requests at most" in out
    assert "plain+multi-turn:2: 6 attempts, 10 requests at most" in out
    assert "9 requests" in out and "nothing was sent" in out
    assert not Path("out").exists()
