"""Evaluation: what the players of a run learned, on seeds that no run trained on."""
