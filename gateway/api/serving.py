"""Runs the application on a socket of our own, as one task among others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Generator
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

from gateway.api.access.connections import Connection
from gateway.api.settings import ApiSettings
from gateway.core.errors import FeederlineError, InvalidInputError, RefusedError, UnavailableError

log = logging.getLogger(__name__)

_STOP_S = 2  # how long a request in progress may take once we stop


def bind(settings: ApiSettings) -> socket.socket:
    """Take the port now, so that a clash is known before anything else starts.

    Raises:
        UnavailableError: the port is in use.
        RefusedError: the address is not this machine's, or the port needs privileges.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise RefusedError(f"api.host {settings.host} is not an address of this machine: {exc}") from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise _explained(exc, settings) from exc
    return listener


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """The page's address, with the port that was really taken."""
    host, port = listener.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def check_certificate(settings: ApiSettings) -> None:
    """Raises InvalidInputError when certificate and key cannot be served with."""
    if settings.tls is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls.cert, settings.tls.key, password=_no_password
        )
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        why = getattr(exc, "strerror", None) or str(exc)
        raise InvalidInputError(
            [f"api.tls: {settings.tls.cert} with {settings.tls.key} cannot be used: {why}"]
        ) from exc


async def serve(app: FastAPI, settings: ApiSettings, listener: socket.socket | None = None) -> None:
    """Serve until cancelled, then finish what is being answered and close the socket.

    `listener` comes from `bind`; without it this binds by itself and raises what `bind` raises.
    """
    listener = listener or bind(settings)
    check_certificate(settings)
    server = _Server(
        uvicorn.Config(
            app,
            http=Connection,
            lifespan="on",
            ssl_certfile=settings.tls.cert if settings.tls else None,
            ssl_keyfile=settings.tls.key if settings.tls else None,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=_STOP_S,
        )
    )
    log.info("page and API are served", extra={"url": url_of(listener, tls=settings.tls is not None)})
    running = asyncio.create_task(server.serve(sockets=[listener]), name="api.server")
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.should_exit = True
        app.state.end_streams()  # they would be waited for
        await running
        raise
    finally:
        running.cancel()  # only a second cancellation finds it still at work
        listener.close()


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a password, readable for the gateway only")


class _Server(uvicorn.Server):
    """Leaves signals alone: whoever composed the program decides what Ctrl-C does."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _explained(exc: OSError, settings: ApiSettings) -> FeederlineError:
    if exc.errno == errno.EADDRINUSE:
        return UnavailableError(
            f"port {settings.port} on {settings.host} is in use; stop what holds it, "
            "or set api.port to another one (0 picks one)"
        )
    if exc.errno == errno.EACCES:
        return RefusedError(
            f"port {settings.port} needs privileges; set api.port to 1024 or above (0 picks one)"
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return RefusedError(f"api.host {settings.host} is not an address of this machine")
    return RefusedError(f"cannot listen on {settings.host} port {settings.port}: {exc.strerror}")
