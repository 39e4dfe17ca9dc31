"""The embedded parts start, answer and leave nothing behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psycopg
import pytest

from gateway.core.errors import UnavailableError
from gateway.embedded import embedded_broker, embedded_postgres


def test_postgres_starts_and_stops(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path) as url, psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not (tmp_path / "pgdata" / "postmaster.pid").exists()


def test_broker_starts_and_stops(tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as broker:
        socket.create_connection((broker.host, broker.port), 5).close()
    with pytest.raises(ProcessLookupError):
        os.kill(broker.pid, 0)


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with embedded_broker(tmp_path / "one") as broker:
        other = embedded_broker(tmp_path / "two", port=broker.port)
        with pytest.raises(UnavailableError, match=f"port {broker.port} .*in use"):
            other.__enter__()
