"""Models and data sets that travel inside Python packages: no model hub, no account."""

from advgame.assets.cache import cache_dir
from advgame.assets.pull import Row, get, is_asset, names, path, table
from advgame.assets.record import Asset, Wheel
from advgame.assets.registry import ASSETS

__all__ = [
    "ASSETS",
    "Asset",
    "Row",
    "Wheel",
    "cache_dir",
    "get",
    "is_asset",
    "names",
    "path",
    "table",
]
