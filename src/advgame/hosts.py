"""Whether an address is this machine's own: no proxy is asked for it, and nobody else hears it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """Whether only this machine is reached at `address`, a host or a URL.

    Clients take every name below `localhost` for this machine's; to bind one asks a name server.
    """
    url = "://" in address
    try:
        host = (urlsplit(address).hostname or "") if url else address
        if host == "localhost" or (url and host.endswith(".localhost")):
            return True
        return ip_address(host).is_loopback
    except ValueError:
        return False
