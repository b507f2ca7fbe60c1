"""Python calls this when it starts: no connection may leave this machine, and each try is noted."""

import os
import socket
from ipaddress import ip_address

_connect, _getaddrinfo = socket.socket.connect, socket.getaddrinfo


def _local(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(host: object) -> None:
    with open(os.environ["ADVGAME_NETWORK_LOG"], "a") as log:  # noqa: PTH123
        log.write(f"{host}\n")
    raise OSError(f"no contact with {host}")


def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _local(address[0]):
        _refuse(address[0])
    return _connect(self, address)


def getaddrinfo(host, *rest, **more):
    if not _local(host):
        _refuse(host)
    return _getaddrinfo(host, *rest, **more)


socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
