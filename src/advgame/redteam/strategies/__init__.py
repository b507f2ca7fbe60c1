"""Strategies: what to say to the target next. One file each; modifiers wrap others."""
