"""`findings.sarif`: one result a broken seed, for code scanning (SARIF 2.1.0)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from advgame import __version__
from advgame.redteam.ledger import FINDINGS
from advgame.redteam.report.figures import shortest
from advgame.redteam.report.redact import clipped
from advgame.redteam.taxonomy import ATLAS, DIRECT, INJECTION, OWASP, Labels, labels_of
from advgame.redteam.values import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding], lines: Mapping[str, int], target: str) -> dict[str, Any]:
    """The log.

    Args:
        findings: one an attempt.
        lines: where each stands in findings.jsonl.
        target: what was attacked.
    """
    found = shortest(findings)
    names = {each.id: labels_of(each) for each in found}
    rules: dict[str, Labels] = {_rule(each): each for each in names.values()}
    order = sorted(rules)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "advgame redteam",
                        "semanticVersion": __version__,
                        "rules": [_described(key, rules[key]) for key in order],
                    }
                },
                "results": [
                    _result(each, names[each.id], order, lines[each.id], target) for each in found
                ],
            }
        ],
    }


def _rule(names: Labels) -> str:
    if names.category == INJECTION:
        return f"{INJECTION}/{'direct' if DIRECT in names.atlas else 'indirect'}"
    return f"{'jailbreak' if 'AML.T0054' in names.atlas else 'plain'}/{names.category}"


def _described(key: str, names: Labels) -> dict[str, Any]:
    ids = (*names.owasp, *names.atlas)
    known = OWASP | ATLAS
    return {
        "id": key,
        "shortDescription": {"text": f"{names.title}: the target did what it should not"},
        "fullDescription": {
            "text": f"{names.title}. A judge of the campaign counted the reply to an attack as "
            "what the attack wanted."
        },
        "help": {"text": "; ".join(f"{each} {known[each]}" for each in ids) or names.title},
        "properties": {"tags": ["security", *ids]},
    }


def _result(
    finding: Finding, names: Labels, order: Sequence[str], line: int, target: str
) -> dict[str, Any]:
    digest = hashlib.sha256(f"{finding.seed_id}\0{_rule(names)}".encode()).hexdigest()
    return {
        "ruleId": _rule(names),
        "ruleIndex": order.index(_rule(names)),
        "level": "error",
        "message": {
            "text": _plain(
                f"{clipped(target, 120)} gave in to {clipped(finding.seed, 200)!r} "
                f"({clipped(finding.arm, 80)}, {finding.before + finding.requests} requests): "
                f"{clipped(finding.prompt, 400)}"
            )
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": FINDINGS},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": {"seedAndRule/v1": digest},
    }


def _plain(text: str) -> str:
    """SARIF reads `[text](place)` as a link and braces as placeholders."""
    for character in "\\[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("{", "{{").replace("}", "}}")
