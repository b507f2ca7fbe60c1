"""`junit.xml`: a suite a strategy, a case a seed, for CI that shows tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from advgame.metrics.intervals import known_success
from advgame.redteam.report.figures import by_arm
from advgame.redteam.report.redact import clipped
from advgame.redteam.values import Finding


def junit(findings: Sequence[Finding]) -> bytes:
    """The XML. A broken seed failed; one that the target did not answer is an error; one that no
    judge could score is skipped.
    """
    root = ElementTree.Element("testsuites", name="advgame redteam")
    for arm, rows in by_arm(findings).items():
        seeds: dict[str, list[Finding]] = {}
        for each in rows:
            seeds.setdefault(each.seed_id, []).append(each)
        suite = ElementTree.SubElement(root, "testsuite", name=clipped(arm, 200))
        counts = {"tests": len(seeds), "failures": 0, "errors": 0, "skipped": 0}
        for seed in sorted(seeds):
            kind = _case(suite, arm, seeds[seed])
            if kind:
                counts[kind] += 1
        for name, count in counts.items():
            suite.set(name, str(count))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _case(suite: ElementTree.Element, arm: str, rows: Sequence[Finding]) -> str | None:
    first = rows[0]
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"redteam.{clipped(arm, 200)}",
        name=f"{first.seed_id}: {clipped(first.seed, 200)}",
        time=f"{sum(each.seconds for each in rows):.3f}",
    )
    outcome = known_success([each.success for each in rows])
    if outcome:
        broke = next(each for each in rows if each.success)
        message = f"broken by attempt {broke.attempt + 1} of {len(rows)}"
        ElementTree.SubElement(case, "failure", message=message).text = clipped(broke.prompt)
        return "failures"
    if outcome is None:
        failed = next((each for each in rows if each.state.target_failed), None)
        if failed is not None:
            said = f"{failed.state}: {clipped(failed.detail, 300)}"
            ElementTree.SubElement(case, "error", message=said)
            return "errors"
        ElementTree.SubElement(case, "skipped", message="no usable judgement")
        return "skipped"
    return None
