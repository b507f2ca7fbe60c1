"""What a client is told when it is not served, in the form that OpenAI's clients read."""

from __future__ import annotations

from typing import Any


class NotServedError(Exception):
    """A request that is not served: an HTTP status and a machine-readable code.

    Never leaves the server: it becomes a response.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        """Say why; `headers` go with the response."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON object of the response."""
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        fallback = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = kinds.get(self.status, fallback)
        return {"error": {"message": str(self), "type": kind, "code": self.code, "param": None}}


FAILED = NotServedError(500, "failed", "the server failed; its log says how")


def invalid(message: str, code: str = "invalid_request_error") -> NotServedError:
    """A request that makes no sense as it is."""
    return NotServedError(400, code, message)
