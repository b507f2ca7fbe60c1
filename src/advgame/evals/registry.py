"""What Inspect finds through the entry point `inspect_ai`: provider, tasks, solver and scorer."""

from advgame.evals import pairwise, provider, roles, tasks

__all__ = ["pairwise", "provider", "roles", "tasks"]
