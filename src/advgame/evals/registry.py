"""What Inspect finds through the entry point `inspect_ai`: our provider and our tasks."""

from advgame.evals import pairwise, provider, tasks

__all__ = ["pairwise", "provider", "tasks"]
