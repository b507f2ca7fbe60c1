"""JSON over HTTP to an endpoint that may be slow, wrong or hostile.

    one call = try, (wait, try)*        waits honour Retry-After, else grow exponentially + jitter

What may pass (408, 429, 5xx, timeouts, broken connections) is tried again, `retries` times.
Everything else is an `EndpointError` at once: one line that says what, where and what to do.
Redirects are never followed (the key would travel along), answers are read up to `MAX_BYTES`, a
server's own words are cut, stripped of control characters and of the key before they are shown.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import tenacity

from advgame.errors import ConfigError, EndpointError, RejectedByEndpointError
from advgame.hostile import one_line
from advgame.hosts import is_loopback

MAX_BYTES = 8 * 2**20
"""Most bytes read of one answer."""
MAX_WAIT = 60.0
"""Most seconds waited before a further try, whatever Retry-After says."""
_REJECTED = (400, 413, 422)  # what the request holds: too long, or stopped by a filter
_BACKOFF = tenacity.wait_exponential(multiplier=0.5, max=30) + tenacity.wait_random(0, 0.5)


class _MayPassError(EndpointError):
    """A failure worth another try; `wait` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class JsonEndpoint:
    """One API address: authorised, bounded, retried JSON requests.

    It holds no connection, so it may be used from any event loop: `connect()` opens a client for
    the loop it is entered in.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        key: str | None,
        key_env: str | None,
        timeout: float,
        retries: int,
    ) -> None:
        """Check the address.

        Args:
            base_url: for example http://127.0.0.1:8000/v1
            model: the model that will be asked for, for messages.
            key: sent as a bearer token; never shown.
            key_env: the name of the variable it came from, for messages.
            timeout: seconds for one try, from connecting to the last byte.
            retries: further tries after a failure that may pass.

        Raises:
            ConfigError: the address is not a plain http(s) one.
        """
        url = _parse(base_url)
        port = url.port if url is not None else None
        odd = port is not None and not 0 < port < 65_536
        if url is None or url.scheme not in ("http", "https") or not url.host or odd:
            raise ConfigError(
                f"engine.base_url {base_url!r} is not an http(s) address: "
                "write for example http://127.0.0.1:8000/v1"
            )
        if url.userinfo or url.query or url.fragment:
            raise ConfigError(
                f"engine.base_url of host {url.host!r} carries credentials or a query: "
                "keep the address alone and name the key's variable in engine.key_env"
            )
        self._url = str(url).rstrip("/")
        self._model = model
        self._key = key
        self._key_env = key_env
        self._timeout = timeout
        self._retries = retries

    def connect(self, connections: int) -> httpx.AsyncClient:
        """Return a client for the running event loop, to be used as a context manager.

        A proxy from the environment is used for everything but this machine's own servers.

        Raises:
            ConfigError: that proxy cannot be used.
        """
        headers = {"Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            return httpx.AsyncClient(
                headers=headers,
                timeout=None,  # one deadline for the whole try: a dripping server is slow too
                limits=httpx.Limits(max_connections=connections),
                follow_redirects=False,
                trust_env=not is_loopback(self._url),
            )
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"the proxy of ALL_PROXY, HTTP_PROXY or HTTPS_PROXY cannot be used for "
                f"{self._url} ({one_line(str(error))}): set another, or name the host in NO_PROXY"
            ) from None

    async def call(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request, trying again what may pass, and return the JSON object answered.

        Raises:
            EndpointError: no usable answer.
        """
        tries = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_MayPassError),
            stop=tenacity.stop_after_attempt(self._retries + 1),
            wait=_wait,
            reraise=True,
        )
        try:
            return await tries(self._try, client, method, path, body)
        except _MayPassError as error:
            count = self._retries + 1
            raise EndpointError(f"{error} ({count} {'try' if count == 1 else 'tries'})") from None

    async def probe(self, client: httpx.AsyncClient, path: str) -> dict[str, Any]:
        """GET `path` once, without further tries: for a person who waits for an answer."""
        return await self._try(client, "GET", path, None)

    async def _try(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        url = self._url + path
        # ASCII-only JSON: a lone surrogate in model text must not break the encoding.
        content = None if body is None else json.dumps(body).encode("ascii")
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(self._timeout),
                client.stream(method, url, content=content, headers=headers) as response,
            ):
                raw = await _read(response, url)
        except TimeoutError:
            raise _MayPassError(
                f"{url} did not answer within {self._timeout:g} s: is the server overloaded? "
                "raise engine.timeout or lower engine.concurrency"
            ) from None
        except httpx.ConnectError as error:
            raise _MayPassError(
                f"{url} cannot be reached ({one_line(str(error))}): is the server running, "
                "and engine.base_url right?"
            ) from None
        except httpx.HTTPError as error:
            raise _MayPassError(
                f"{url} broke the connection ({type(error).__name__}): look at the server's log"
            ) from None
        if not response.is_success:
            raise self._refusal(response, url, raw)
        return _object(response, url, raw)

    def _refusal(self, response: httpx.Response, url: str, raw: bytes) -> EndpointError:
        status = response.status_code
        said = self._harmless(_server_words(raw))
        line = f"{url} answered {status}{f' ({said})' if said else ''}: {self._advice(status)}"
        if response.has_redirect_location:
            target = self._harmless(response.headers["Location"])
            return EndpointError(
                f"{url} answered {status}, a redirect to {target}: redirects are not followed, "
                "set engine.base_url to the final address"
            )
        if status in (408, 429) or status >= 500:
            return _MayPassError(line, retry_after(response.headers.get("Retry-After")))
        return RejectedByEndpointError(line) if status in _REJECTED else EndpointError(line)

    def _harmless(self, words: str) -> str:
        """A server's words for a message: the key struck out, then cut to one line."""
        return one_line(words.replace(self._key, "***") if self._key else words)

    def _advice(self, status: int) -> str:
        match status:
            case 401 if self._key is None:
                return "it wants a key: name the variable that holds it in engine.key_env"
            case 401:
                return f"the key in ${self._key_env} was refused: check it"
            case 403:
                return "access denied: check what the key may use"
            case 404:
                return (
                    f"no such path, or no model {self._model!r}: "
                    "check the model's name, and that engine.base_url ends in /v1"
                )
            case 429:
                return "too many requests: lower engine.concurrency or wait"
            case _ if status >= 500:
                return "the server failed: look at its log"
            case _:
                return "it rejects the request: check model, sampling and prompt length"


def _parse(base_url: str) -> httpx.URL | None:
    try:
        return httpx.URL(base_url)
    except httpx.InvalidURL:
        return None


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the server asked for, capped, else the back-off."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _MayPassError) and error.wait is not None:
        return min(error.wait, MAX_WAIT)
    return _BACKOFF(state)


def retry_after(value: str | None) -> float | None:
    """Seconds meant by a Retry-After header: a number or an HTTP date; None if it is neither."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


async def _read(response: httpx.Response, url: str) -> bytes:
    raw = bytearray()
    async for chunk in response.aiter_bytes(chunk_size=65_536):
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise EndpointError(
                f"{url} sent more than {MAX_BYTES // 2**20} MiB: "
                "is engine.base_url an OpenAI-compatible API?"
            )
    return bytes(raw)


def _object(response: httpx.Response, url: str, raw: bytes) -> dict[str, Any]:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if not kind.endswith("json"):
        raise EndpointError(
            f"{url} answered {one_line(kind) or 'no content type'}, not JSON: "
            "does engine.base_url end in /v1?"
        )
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EndpointError(
            f"{url} answered no valid JSON object ({len(raw)} bytes): "
            "is engine.base_url an OpenAI-compatible API?"
        )
    return value


def _server_words(raw: bytes) -> str:
    """What an error body says."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = raw.decode("utf-8", "replace")
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return value if isinstance(value, str) else json.dumps(value)
