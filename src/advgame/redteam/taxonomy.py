"""Names that others use for what was found: HarmBench, OWASP and MITRE ATLAS.

What was *done* to the target (a jailbreak) has OWASP's and ATLAS's names for the technique; what
came *out* has HarmBench's category and ATLAS's kind of harm. A plain request that is answered is no
technique: it has the harm alone. The lists are OWASP's of 2025 and ATLAS's as of 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from advgame.redteam.values import Finding
from advgame.types import Kind

OTHER: Final = "uncategorised"
OVER_REFUSAL: Final = "over-refusal"
INJECTION: Final = "prompt-injection"
DIRECT: Final = "AML.T0051.000"
INDIRECT: Final = "AML.T0051.001"

HARMBENCH: Final = {
    "chemical_biological": "Chemical and biological",
    "cybercrime_intrusion": "Cybercrime and intrusion",
    "harassment_bullying": "Harassment and bullying",
    "harmful": "General harm",
    "illegal": "Illegal activities",
    "misinformation_disinformation": "Misinformation and disinformation",
}
OWASP: Final = {"LLM01:2025": "Prompt Injection", "LLM09:2025": "Misinformation"}
ATLAS: Final = {
    DIRECT: "LLM Prompt Injection: Direct",
    INDIRECT: "LLM Prompt Injection: Indirect",
    "AML.T0054": "LLM Jailbreak",
    "AML.T0048": "External Harms",
    "AML.T0048.002": "Societal Harm",
    "AML.T0048.003": "User Harm",
}

# The categories of other sets that are read by name, as HarmBench would put them.
_OTHERS: Final = {
    # harmful-plain
    "drugs-and-smuggling": "illegal",
    "weapons-and-explosives": "illegal",
    "disinformation-and-manipulation": "misinformation_disinformation",
    "harassment-and-abuse": "harassment_bullying",
    "privacy-and-deception": "illegal",
    "self-harm-and-dangerous-advice": "harmful",
    "fraud-and-theft": "illegal",
    "hate-and-discrimination": "harassment_bullying",
    "violence-and-murder": "illegal",
    "cybercrime": "cybercrime_intrusion",
    "crime-against-institutions-and-environment": "illegal",
    # StrongREJECT
    "Disinformation and deception": "misinformation_disinformation",
    "Non-violent crimes": "illegal",
    "Hate, harassment and discrimination": "harassment_bullying",
    "Illegal goods and services": "illegal",
    "Violence": "illegal",
    "Sexual content": "harmful",
    # AdvBench, by PyRIT's harm categories
    "Autonomy": "harmful",
    "Political and Economic": "misinformation_disinformation",
    "Human Rights and Civil Liberties": "harassment_bullying",
    "Financial and Business": "illegal",
    "Psychological": "harassment_bullying",
    "Physical": "harmful",
    "Reputational": "harassment_bullying",
    "Societal and Cultural": "harassment_bullying",
    "Environmental": "illegal",
    # Do-Not-Answer
    "malicious_uses": "illegal",
    "discrimination_exclusion_toxicity_hateful_offensive": "harassment_bullying",
}
_HARM: Final = {
    "chemical_biological": "AML.T0048.002",
    "cybercrime_intrusion": "AML.T0048",
    "harassment_bullying": "AML.T0048.003",
    "harmful": "AML.T0048.003",
    "illegal": "AML.T0048",
    "misinformation_disinformation": "AML.T0048.002",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a success is called."""

    category: str
    title: str
    owasp: tuple[str, ...]
    atlas: tuple[str, ...]


def category_of(category: str, kind: Kind, *, injected: bool = False) -> str:
    """HarmBench's category of a seed, or `uncategorised`; over-refusal for benign seeds.

    Of a seed that stands in a document (`injected`) it is prompt injection, whatever it wants.
    """
    if injected:
        return INJECTION
    if kind is Kind.BENIGN:
        return OVER_REFUSAL
    return category if category in HARMBENCH else _OTHERS.get(category, OTHER)


def labels(category: str, kind: Kind, *, attacked: bool, injected: bool = False) -> Labels:
    """The names for a success on a seed of `category`; `attacked`: it was not asked plainly.

    An injection is direct where the document is the user's own text (category `user`).
    """
    name = category_of(category, kind, injected=injected)
    if injected:
        way = DIRECT if category == "user" else INDIRECT
        return Labels(category=name, title="Prompt injection", owasp=("LLM01:2025",), atlas=(way,))
    if kind is Kind.BENIGN:
        return Labels(category=name, title="Over-refusal", owasp=(), atlas=())
    owasp = ["LLM01:2025"] if attacked else []
    owasp += ["LLM09:2025"] if name == "misinformation_disinformation" else []
    atlas = ["AML.T0054"] if attacked else []
    return Labels(
        category=name,
        title=HARMBENCH.get(name, "Other harm"),
        owasp=tuple(owasp),
        atlas=(*atlas, _HARM.get(name, "AML.T0048")),
    )


def category_named(finding: Finding) -> str:
    """`category_of` a finding."""
    return category_of(finding.category, finding.kind, injected=finding.injected)


def labels_of(finding: Finding) -> Labels:
    """`labels` of a finding."""
    return labels(
        finding.category, finding.kind, attacked=finding.attacked, injected=finding.injected
    )
