"""Keys come from the environment and stay there: struck out of whatever others say."""

from __future__ import annotations

import os
import re

_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
SHORTEST = 8  # shorter values are words that occur by chance


def unsaid(text: str) -> str:
    """`text` without the value of any environment variable that is named like a key."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and _NAMES.search(name):
            text = text.replace(value, "***")
    return text
