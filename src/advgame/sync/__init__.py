"""Carrying weights from a learner to a sampler."""
