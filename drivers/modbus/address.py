"""Where a device is: `host[:port]/unit` in the column `address` of devices.csv."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_PORT = 502


class Endpoint(NamedTuple):
    host: str
    port: int

    @property
    def source(self) -> str:
        """How batches and signals name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"modbus:{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """`host`, `host:port` or `[ipv6]:port`; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"write an IPv6 address in brackets, not {text!r}")
    if not host or any(c.isspace() or c == "/" for c in host):
        raise ValueError(f"{text!r} is not host or host:port")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"port {port!r} is not between 1 and 65535")
    return Endpoint(host, int(port))


def parse_address(text: str) -> tuple[Endpoint, int]:
    """`host[:port]/unit`; raises ValueError."""
    place, slash, unit = text.partition("/")
    if not slash:
        raise ValueError(f"address {text!r} has no unit; write host[:port]/unit")
    if not unit.isascii() or not unit.isdigit() or not 0 <= int(unit) <= 255:
        raise ValueError(f"unit {unit!r} is not between 0 and 255")
    return parse_endpoint(place), int(unit)
