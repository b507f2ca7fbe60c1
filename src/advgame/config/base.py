"""The base of every configuration model. No torch import anywhere in this package."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
