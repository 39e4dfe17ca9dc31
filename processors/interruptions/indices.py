"""Reliability indices of interruption records: IEEE 1366, and DL/T 836 by its own names and in hours.

Formulas (N_T customers served, N customers and r minutes of a step, T the window): SAIFI = ΣN/N_T, SAIDI = ΣrN/N_T,
CAIDI = SAIDI/SAIFI, CAIFI = ΣN/distinct customers interrupted, ASAI = 1 − ΣrN/(N_T·T), MAIFI = Σ momentary N/N_T,
MAIFI_E = Σ momentary events N/N_T, CEMI_n = customers with ≥ n sustained interruptions/N_T, CELID_s and CELID_t =
customers with ≥ s h at once, ≥ t h in total/N_T.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.core.model import Float64s, Int64s, Record
from processors.interruptions.accounting import (
    DLT_836,
    Judged,
    Threshold,
    Window,
    distinct,
    judge,
    momentary_events,
)
from processors.interruptions.records import Records
from processors.interruptions.spells import Spells, unite

KINDS = ("all", "fault", "planned")


class Levels(Record, frozen=True, kw_only=True):
    """n of CEMI_n, and hours s and t of CELID_s and CELID_t."""

    cemi: tuple[int, ...] = (1, 2, 3, 5)
    celid_s: tuple[float, ...] = (4.0, 8.0, 24.0)
    celid_t: tuple[float, ...] = (8.0, 12.0, 24.0)


class Indices(Record, frozen=True, kw_only=True):
    """Of the starts in one window. None where there is nothing to divide by.

    caifi, cemi, celid_s, celid_t are None too where it is not known which customers the records are about. What goes on
    counts in customer_interruptions at once; its minutes so far are in open_customer_minutes only.
    """

    customer_interruptions: int
    customer_minutes: float
    saifi: float
    saidi_minutes: float
    caidi_minutes: float | None
    asai: float | None
    maifi: float
    maifi_e: float
    caifi: float | None
    cemi: dict[str, float] | None
    celid_s: dict[str, float] | None
    celid_t: dict[str, float] | None
    momentary_interruptions: int
    momentary_events: int
    open_customers: int
    open_customer_minutes: float


def spells_of(records: Records, kind: str) -> Spells:
    """Spells of one of KINDS: of each device where the records name one, else every row is a user of its own.

    Users 0 … len(records.devices) − 1 are the devices.
    """
    rows = np.flatnonzero(
        np.ones(len(records), np.bool_) if kind == "all" else records.planned == (kind == "planned")
    )
    device = records.device[rows]
    return unite(
        np.where(device >= 0, device, len(records.devices) + rows),
        records.started_at[rows],
        records.ended_at[rows],
        records.customers[rows],
        records.event[rows],
    )


def indices(
    spells: Spells,
    *,
    devices: int,
    served: int,
    window: Window,
    threshold: Threshold,
    levels: Levels | None = None,
) -> Indices:
    """Indices of one kind's spells; users below `devices` are metering points, the others rows that name none.

    Raises:
        ValueError: nobody is served.
    """
    if served <= 0:
        raise ValueError("indices need customers served")
    judged = judge(spells, window, threshold)
    within = judged.spells
    minutes = within.customer_minutes(window.at)
    interruptions = int(within.customers[judged.counted].sum())
    customer_minutes = float(minutes[judged.closed].sum())
    momentary = int(within.customers[judged.momentary].sum())
    events = _momentary_events(judged, devices)
    going_on = within.going_on
    concerned = _concerned(judged, devices, served, levels or Levels())
    return Indices(
        customer_interruptions=interruptions,
        customer_minutes=customer_minutes,
        saifi=interruptions / served,
        saidi_minutes=customer_minutes / served,
        caidi_minutes=customer_minutes / interruptions if interruptions else None,
        asai=1 - customer_minutes / (served * window.minutes) if window.minutes else None,
        maifi=momentary / served,
        maifi_e=events / served,
        caifi=concerned[0],
        cemi=concerned[1],
        celid_s=concerned[2],
        celid_t=concerned[3],
        momentary_interruptions=momentary,
        momentary_events=events,
        open_customers=int(within.customers[going_on].sum()),
        open_customer_minutes=float(minutes[going_on].sum()),
    )


Shares = dict[str, float] | None


def _concerned(
    judged: Judged, devices: int, served: int, levels: Levels
) -> tuple[float | None, Shares, Shares, Shares]:
    """CAIFI, CEMI_n, CELID_s, CELID_t; None where a counted row does not say whose interruption it was."""
    if not devices or (judged.spells.user[judged.counted] >= devices).any():
        return None, None, None, None
    each = distinct(judged)
    customers = int(each.customers.sum())
    interruptions = int(judged.spells.customers[judged.counted].sum())
    return (
        interruptions / customers if customers else None,
        {str(n): each.with_at_least(n) / served for n in levels.cemi},
        {f"{s:g}": each.longer_once(s) / served for s in levels.celid_s},
        {f"{t:g}": each.longer_in_total(t) / served for t in levels.celid_t},
    )


def _momentary_events(judged: Judged, devices: int) -> int:
    """Customers × momentary events. Of rows that do not name whom they concern only numbers are known.

    An event of such rows interrupted at least as many customers as were off at one moment, and for longer at least as
    many as were off at one moment in sustained steps. What the former exceeds the latter by is its momentary event: a
    reclosing sequence over the same customers is one event, and those locked out at its end are not in it.
    """
    spells = judged.spells
    named = spells.user < devices
    known = Judged(
        spells=spells.where(named),
        counted=judged.counted[named],
        closed=judged.closed[named],
        momentary=judged.momentary[named],
    )
    total = int(known.spells.customers[momentary_events(known)].sum())
    nameless = spells.where(~named)
    events, event = np.unique(nameless.event, return_inverse=True)
    longer = judged.counted[~named]
    most = peak(nameless, event, len(events))
    locked_out = peak(nameless.where(longer), event[longer], len(events))
    return total + int((most - locked_out).sum())


def peak(spells: Spells, group: Int64s, groups: int) -> Int64s:
    """Most customers of each group that are off at one moment: int64[groups], 0 where a group has no spell."""
    owner = np.concatenate([group, group])
    at = np.concatenate([spells.started_at, spells.ended_at])
    change = np.concatenate([spells.customers, -spells.customers])
    order = np.lexsort((change, at, owner))  # who comes back goes before who is interrupted at that moment
    off = np.cumsum(change[order])
    most = np.zeros(groups, np.int64)
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    if len(first):
        most[owner[order][first]] = np.maximum.reduceat(off, first)
    return most


def daily_saidi(
    spells: Spells, *, day: Int64s, days: int, served: int, window: Window, threshold: Threshold
) -> Float64s:
    """SAIDI minutes of each day, float64[days]; `day` is the day of each spell that starts within the window."""
    judged = judge(spells, window, threshold)
    minutes = judged.spells.customer_minutes(window.at)
    return np.bincount(day[judged.closed], weights=minutes[judged.closed], minlength=days) / served


class Dlt836(Record, frozen=True, kw_only=True):
    """DL/T 836.1 names: -1 over all interruptions, -S scheduled, -F fault. Hours; customer_hours is 停电时户数."""

    threshold_s: float
    comparator: str
    basis: str
    saidi_1_hours: float
    saidi_s_hours: float
    saidi_f_hours: float
    saifi_1: float
    saifi_s: float
    saifi_f: float
    asai_1: float | None
    customer_hours: float
    customer_hours_s: float
    customer_hours_f: float


def dlt836(
    spells: Sequence[Spells],
    *,
    served: int,
    window: Window,
    threshold: Threshold = DLT_836,
    basis: str = "low_voltage",
) -> Dlt836:
    """From spells of all, fault and planned, in that order. `basis`: users are customers, or transformers."""
    every, fault, planned = (_sums(one, window, threshold) for one in spells)
    time = served * window.minutes
    return Dlt836(
        threshold_s=threshold.seconds,
        comparator=threshold.comparator,
        basis=basis,
        saidi_1_hours=every[1] / served,
        saidi_s_hours=planned[1] / served,
        saidi_f_hours=fault[1] / served,
        saifi_1=every[0] / served,
        saifi_s=planned[0] / served,
        saifi_f=fault[0] / served,
        asai_1=1 - every[1] * 60 / time if time else None,
        customer_hours=every[1],
        customer_hours_s=planned[1],
        customer_hours_f=fault[1],
    )


def _sums(spells: Spells, window: Window, threshold: Threshold) -> tuple[int, float]:
    """(customer interruptions, customer hours of those that have ended)."""
    judged = judge(spells, window, threshold)
    hours = judged.spells.customer_minutes(window.at)[judged.closed].sum() / 60
    return int(judged.spells.customers[judged.counted].sum()), float(hours)
