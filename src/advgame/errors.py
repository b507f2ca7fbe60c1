"""Every error a user can cause or meet, in one hierarchy.

    AdvGameError              exit code 2; the message says what, where and what to do
    ├── ConfigError           a key, a type or a value in a configuration
    ├── AssetError            a packaged model or data set: unknown name, bad checksum, no network
    ├── ModelError            a model or tokenizer cannot be loaded or does not fit its use
    ├── SeedError             a seed file or set: missing, malformed, empty
    ├── EndpointError         an OpenAI-compatible endpoint: down, refused, wrong model, garbage
    ├── RejectedError         a model takes one request not at all, and may take others:
    │                         RejectedByEndpointError, or TooLongError for a model in this process
    ├── StoreError            a run folder or checkpoint: locked, torn, altered, full disk
    │   └── UnreadableError   what may be whole and only cannot be read
    ├── JudgeError            a judge that cannot be built or used at all (a single failed
    │                         judgement is a value, `Judgement(value=None)`, never an exception)
    └── OwnCodeError          a judge, check or reward of the user's own raised, or returned what
                              it must not

Anything else that escapes is a bug in advgame and keeps its traceback.
"""


class AdvGameError(Exception):
    """Base of all expected failures. `str(error)` is what the user reads."""

    exit_code = 2


class ConfigError(AdvGameError):
    """A configuration key, type or value is wrong."""


class AssetError(AdvGameError):
    """A packaged model or data set cannot be had."""


class ModelError(AdvGameError):
    """A model or tokenizer cannot be loaded, or does not fit the use asked of it."""


class SeedError(AdvGameError):
    """A seed set is missing, malformed or empty."""


class EndpointError(AdvGameError):
    """An endpoint did not serve the request, after the retries it was allowed."""


class RejectedError(AdvGameError):
    """A request that this model will never take, such as one longer than its context."""


class RejectedByEndpointError(RejectedError, EndpointError):
    """An endpoint answered that one request is at fault, not the server, the key or the model."""


class TooLongError(RejectedError, ModelError):
    """A prompt and the tokens it may draw do not fit a model's context."""


class StoreError(AdvGameError):
    """A run folder or checkpoint cannot be read or written."""


class UnreadableError(StoreError):
    """What is there may be whole, but this process cannot read it: nothing may be thrown away."""


class JudgeError(AdvGameError):
    """A judge cannot be built or used."""


class OwnCodeError(AdvGameError):
    """Code of the user's own raised, or returned what it must not."""
