"""Configuration: frozen pydantic models, YAML loading, dotted overrides."""

from advgame.config.explain import explain, schema
from advgame.config.load import dump, load
from advgame.config.root import RunConfig
from advgame.config.sources import preset_names, preset_summary

__all__ = ["RunConfig", "dump", "explain", "load", "preset_names", "preset_summary", "schema"]
