"""The game: one round, a stage a file, pure of any model or framework."""
