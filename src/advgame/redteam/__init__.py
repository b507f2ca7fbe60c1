"""Red-teaming: a trained Attacker, and what it is compared with, on any target the user names."""
