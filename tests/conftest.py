"""What holds for every test."""

from hypothesis import settings

# By default an example that takes more than 200 ms fails: a loaded machine would fail the tests.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
