"""Times and time zones as options of commands: what cannot be read becomes a fault beside the others."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.clock import parse_time


def zone_of(name: str, faults: list[str]) -> ZoneInfo:
    """The zone of `--time-zone`; UTC where it is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.append(f"--time-zone {name!r} is not a time zone such as Asia/Shanghai")
        return ZoneInfo("UTC")


def moment(option: str, text: str, faults: list[str]) -> int | None:
    """A time in µs UTC; None for none, or for one that cannot be read."""
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as exc:
        faults.append(f"{option}: {exc}")
        return None
