"""The configuration's section `modbus`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.core.settings import Seconds, Settings


class ModbusSettings(Settings):
    """How field devices are polled.

    profiles: a directory of further profiles.
    timeout_s: wait this long for an answer; longer than a gateway waits for its meter, or its exception 0x0B comes
        too late to be told from silence.
    in_flight: requests at once over one connection; 1 unless the other side is known to keep them apart.
    pause_s: rest between two requests, for buses that need it.
    gather_s: answers of this window are decoded and handed on together.
    breaker_after: missed polls after which a device is asked less often;  max_backoff_s: but at least this often.
    reconnect_s, max_reconnect_s: first and longest wait between attempts to connect.
    recycle_after: polls in a row without any answer, after which the connection is made anew.
    max_strays: replies in a row that fit no request, after which the connection is made anew.
    max_pending: answers not yet handed on, at which polling waits.
    recall_longest_s: how long one recall of a load profile may take;  recall_requests: and how many requests.
    """

    profiles: Path | None = None
    timeout_s: Seconds = 2.0
    connect_timeout_s: Seconds = 5.0
    in_flight: Annotated[int, Field(ge=1, le=16)] = 1
    pause_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    gather_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    breaker_after: Annotated[int, Field(ge=1, le=1000)] = 3
    max_backoff_s: Seconds = 30.0
    reconnect_s: Seconds = 0.5
    max_reconnect_s: Seconds = 30.0
    recycle_after: Annotated[int, Field(ge=1, le=1000)] = 5
    max_strays: Annotated[int, Field(ge=1, le=1000)] = 3
    max_pending: Annotated[int, Field(ge=1)] = 20_000
    recall_longest_s: Seconds = 100.0
    recall_requests: Annotated[int, Field(ge=3, le=10_000)] = 300
