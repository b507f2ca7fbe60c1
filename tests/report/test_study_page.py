"""The page of a study: what differs, for whom it is better, and which plots stand first."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

from fake_study import make_fake_study

from advgame.report.comparison import build_comparison
from advgame.report.signs import of_measure
from advgame.report.studied import page_of_study


def test_a_study_has_fronts_of_the_benign_sets_that_it_asked(tmp_path: Path) -> None:
    found = json.dumps(make_fake_study(tmp_path)).replace("benign-edgy", "my/benign.jsonl")
    page = page_of_study(json.loads(found))
    titles = [plot["title"] for plot in page["trade_offs"]]
    assert "harmful/plain and my/benign.jsonl/plain" in titles
    assert "harmful/templates and benign-everyday/plain" in titles
    assert not any(
        title.count("harmful/") + title.count("primary") != 1 or "@start" in title
        for title in titles
    )
    assert len(titles) == len(set(titles))
    assert page["trade_offs_title"] == "Safety against over-refusal"
    shown = [plot["title"] for plot in page["trade_offs"] if not plot["more"]]
    benign = ("my/benign.jsonl/plain", "benign-everyday/plain")
    assert shown == [f"{a} and {b}" for a in ("primary", "harmful/plain") for b in benign]
    assert titles[: len(shown)] == shown
    assert page["trade_offs"][0]["points"][-1]["run"] == "untrained"
    text = build_comparison(page, tmp_path / "s.html").read_text(encoding="utf-8")
    section = text[text.index('<section id="trade-off">') : text.index('<section id="curves">')]
    assert "joined in order" not in section and f"{len(titles) - 4} more plots" in section
    legend = re.findall(r"</svg>([^<]*)</button>", section.split("</ul>")[0])
    assert legend == ["joint", "defender-only", "sequential", "untrained"]
    assert "joint-0 step 4" in section


def test_a_difference_says_for_whom_it_is_better_the_main_measure_first(tmp_path: Path) -> None:
    found = json.loads(json.dumps(make_fake_study(tmp_path)))
    ours = found["differences"]["sequential"]
    other = dict(reversed(found["differences"]["defender-only"].items()))
    ours = {"harmful/own attacker@start": ours["primary"], **ours}
    report = {**found, "differences": {"sequential": ours, "defender-only": other}}
    page = page_of_study(report)
    assert page["differences"][0]["metric"] == "primary"
    notes = {each["metric"]: each["note"] for each in page["differences"]}
    assert notes["primary"].startswith("Mean of harmful/plain and harmful/templates. Below 0, ")
    assert of_measure("primary, no refusal", ["a", "b"]) == (
        "A reply that opens by declining is no success. Below 0, A's Defender is the safer one."
    )
    assert notes["benign-edgy/plain"] == "Below 0, A's Defender refuses less."
    assert notes["harmful/own attacker@start"].endswith(
        "Above 0, A's Attacker is the stronger one."
    )
    text = unescape(build_comparison(page, tmp_path / "s.html").read_text(encoding="utf-8"))
    defenders = text[text.index('id="differences"') : text.index('<section id="attackers"')]
    attackers = text[text.index('<section id="attackers"') : text.index('<section id="trade-off"')]
    assert "lower is better" not in text and "@start" not in defenders
    first = re.search(r"<figcaption>(\S+)", defenders)
    assert first is not None and first[1] == "primary"
    assert "harmful/own attacker@start" in attackers and "above 0, A's Attacker" in attackers
    assert "joint, 1 run" not in text
    one = {**report["arms"]["joint"], "runs": [0], "by_run": report["arms"]["joint"]["by_run"][:1]}
    alone = page_of_study({**report, "arms": {**report["arms"], "joint": one}})
    columns = [column for table in alone["tables"] for column in table["columns"]]
    assert "joint, 1 run" in columns and "sequential, 3 runs" in columns


def test_curves_of_many_runs_share_a_legend_and_lose_their_bands(tmp_path: Path) -> None:
    page = page_of_study(json.loads(json.dumps(make_fake_study(tmp_path))))
    assert [curve["title"] for curve in page["curves"]] == ["Attacker: reward, harmful seeds"]
    (curve,) = page["curves"]
    curve["smooth"] = False
    for series in curve["series"]:
        series["band"] = [[y - 1, y + 1] for _, y in series["points"]]
    assert len(curve["series"]) == 10
    text = build_comparison(page, tmp_path / "s.html").read_text(encoding="utf-8")
    section = text[text.index('<section id="curves">') :].split("</figure>")[0]
    legend = re.findall(r"</svg>([^<]*)</button>", section)
    assert legend == ["joint", "defender-only", "sequential"]
    assert [section.count(f'<g data-series="{at}">') for at in range(3)] == [4, 3, 3]
    assert 'class="band' not in section
