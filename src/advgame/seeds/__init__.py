"""Seeds: load them, schedule them, wrap them."""

from advgame.seeds.attacks import load_attacks
from advgame.seeds.load import SeedPool, load
from advgame.seeds.schedule import batch
from advgame.seeds.sets import set_names
from advgame.seeds.splits import normal, seed_id, split_of
from advgame.seeds.templates import Template, load_templates, template_names

__all__ = [
    "SeedPool",
    "Template",
    "batch",
    "load",
    "load_attacks",
    "load_templates",
    "normal",
    "seed_id",
    "set_names",
    "split_of",
    "template_names",
]
