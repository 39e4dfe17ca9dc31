"""The `database` section of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gateway.core.settings import Seconds, Secret, Settings

Days = Annotated[int, Field(ge=1, le=36_500)]


class DatabaseSettings(Settings):
    """Where the database is and how long it keeps what.

    `url` names host, database and user, never the password. `role` is the group the gateway acts as once connected,
    where the login is a member of it; null to act as the login itself.
    """

    url: str = "postgresql://feederline@localhost:5432/feederline"
    password: Secret | None = None
    role: Literal["feederline_writer", "feederline_api"] | None = "feederline_writer"
    pool_min: Annotated[int, Field(ge=1, le=100)] = 2
    pool_max: Annotated[int, Field(ge=2, le=100)] = 8
    connect_timeout_s: Seconds = 10
    statement_timeout_s: Seconds = 60
    application_name: str = "feederline"
    timescale: Literal["auto", "on", "off"] = "auto"
    compress_after_days: Days = 7
    retention_days: Days = 400
    signal_retention_days: Days = 400
    partitions_ahead_days: Days = 7

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        from gateway.store.errors import url_fault

        if fault := url_fault(url):
            raise ValueError(fault)
        return url
