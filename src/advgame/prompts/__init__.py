"""How moves are asked for and read: instructions, formats, strict parsing. No torch."""

from advgame.prompts.formats import FORMATS, Format, get_format

__all__ = ["FORMATS", "Format", "get_format"]
