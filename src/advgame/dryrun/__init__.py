"""What a configuration would do, without doing it."""

from advgame.dryrun.describe import dry_run

__all__ = ["dry_run"]
