"""What a run leaves behind, crash-safe: steps, episodes, validations, checkpoints."""

from advgame.store.checkpoint import Checkpoint
from advgame.store.reader import RunReader, open_readonly
from advgame.store.run import RunFolder
from advgame.store.select import parse_source, resolve_checkpoint

__all__ = [
    "Checkpoint",
    "RunFolder",
    "RunReader",
    "open_readonly",
    "parse_source",
    "resolve_checkpoint",
]
