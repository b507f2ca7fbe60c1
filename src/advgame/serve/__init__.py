"""A player behind an OpenAI-compatible endpoint, for tools that take a model by its address."""
