"""The `database` section, named queries and migration files, without a database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files

import msgspec
import psycopg
import psycopg_pool
import pytest
from pydantic import ValidationError

from gateway.core.errors import NotStorableError, RefusedError, UnavailableError
from gateway.store import DatabaseSettings
from gateway.store.errors import place, translated
from gateway.store.migrate import migrations
from gateway.store.queries import sql
from gateway.store.text import storable, to_json


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "postgresql://u:secret@h/d"}, "holds a password"),
        ({"url": "host=h password=secret"}, "holds a password"),
        ({"url": "postgresql://u@h:port/d"}, "the port is not a number"),
        ({"url": "postgresql://u:secret/d"}, "the port is not a number"),
        ({"url": "postgresql://u:secret@[bad/db"}, "not a PostgreSQL URL"),
        ({"url": "postgresql://u:secret%zz@h"}, "not a PostgreSQL URL"),
        ({"url": "host=h password='secret"}, "not a PostgreSQL URL"),
        ({"url": "nonsense"}, "not a PostgreSQL URL"),
        ({"retention_days": 0}, "greater than or equal to 1"),
        ({"nonsense": 1}, "Extra inputs"),
        ({"role": "postgres"}, "feederline_writer"),
    ],
)
def test_wrong_settings(changes: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        DatabaseSettings.model_validate(changes)
    assert "secret" not in str([e["msg"] for e in caught.value.errors()])


def test_place_never_shows_a_password() -> None:
    assert place("postgresql://u:secret@h:6000/d") == "h:6000, database d"


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg.errors.UniqueViolation("x"), NotStorableError),
        (psycopg.errors.DatetimeFieldOverflow("x"), NotStorableError),
        (psycopg.errors.QueryCanceled("x"), UnavailableError),
        (psycopg.errors.DeadlockDetected("x"), UnavailableError),
        (psycopg.errors.DiskFull("x"), UnavailableError),
        (psycopg.errors.LockNotAvailable("x"), UnavailableError),
        (psycopg.OperationalError("server closed the connection"), UnavailableError),
        (psycopg.errors.InsufficientPrivilege("x"), RefusedError),
        (psycopg.errors.UndefinedTable("x"), RefusedError),
        (psycopg_pool.PoolClosed("the pool 'feederline' is not open yet"), UnavailableError),
    ],
)
def test_errors_say_whether_to_retry(error: psycopg.Error, ours: type[Exception]) -> None:
    assert type(translated(error, "writing")) is ours


def test_every_query_is_one_of_ours_and_not_empty() -> None:
    names = [
        f.name.removesuffix(".sql")
        for f in files("gateway.store.queries").iterdir()
        if f.name.endswith(".sql")
    ]
    assert len(names) > 20
    assert all(sql(name).strip() for name in names)


def test_migrations_are_numbered_alike_for_both_servers() -> None:
    plain, timescale = migrations(timescale=False), migrations(timescale=True)
    assert [(m.version, m.name) for m in plain] == [(m.version, m.name) for m in timescale]
    differing = {p.name for p, t in zip(plain, timescale, strict=True) if p.checksum != t.checksum}
    assert differing == {"reading"}


def test_storable_text() -> None:
    assert storable("plain") == "plain"
    assert storable("ü\0\udc80") == "ü␀\\udc80"


def test_storable_json() -> None:
    found = msgspec.json.decode(to_json({"a": (1, math.inf, "\0"), "b\0": None, "c": {"d": True}}))
    assert found == {"a": [1, None, "␀"], "b␀": None, "c": {"d": True}}
