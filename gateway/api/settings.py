"""The `api` section of the configuration."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, model_validator

from gateway.core.settings import Settings


class ApiSettings(Settings):
    """Where the page and the REST API listen.

    There is no sign-in yet, so only this machine may reach them unless `allow_open` says that somebody else keeps
    strangers out. `hosts` are further names in the address bar that are answered, such as a reverse proxy's.
    Only this machine may change anything, unless `allow_writes` lets everybody do so who reaches the port.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080  # 0 picks a free one
    allow_open: bool = False
    allow_writes: bool = False
    hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _closed(self) -> ApiSettings:
        if not self.allow_open and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached by other machines and there is no sign-in yet; "
                "keep 127.0.0.1, or write allow_open: true where a firewall or proxy keeps strangers out"
            )
        return self


def is_loopback(host: str) -> bool:
    """True for names and addresses that never leave this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
