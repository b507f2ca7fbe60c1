"""What Inspect finds through the entry point `inspect_ai`: our provider and our tasks."""

from advgame.evals import provider, tasks

__all__ = ["provider", "tasks"]
