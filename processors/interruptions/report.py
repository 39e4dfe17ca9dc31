"""Everything there is to say of interruption records in one window: what `feederline indices` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

import numpy as np

from gateway.core.clock import format_time
from gateway.core.model import Int64s, Record
from processors.interruptions import major_events
from processors.interruptions.accounting import DLT_836, IEEE_1366, Threshold, Window, judge
from processors.interruptions.indices import (
    KINDS,
    Dlt836,
    Indices,
    Levels,
    daily_saidi,
    dlt836,
    indices,
    peak,
    spells_of,
)
from processors.interruptions.periods import (
    Period,
    begin,
    following,
    local_day,
    midnight,
    period_of,
    periods,
    shift_years,
)
from processors.interruptions.records import Records
from processors.interruptions.spells import Spells
from processors.interruptions.targets import DEFAULTS, Span, Spent, Standing, Target, standing


class Basis(Record, frozen=True, kw_only=True):
    """What the figures rest on. Rows outside start outside the window; void rows have no length: neither counts.

    Repeated rows name no device and say to the letter what another row says: each counts, as they may be two groups.
    """

    threshold_s: float
    comparator: str
    metering: str
    served: int
    window_from: str
    window_to: str
    at: str
    time_zone: str
    rows: int
    outside_rows: int
    outside_customers: int
    void_rows: int
    repeated_rows: int


class Open(Record, frozen=True, kw_only=True):
    """Customers without supply, and their customer minutes so far."""

    customers: int
    customer_minutes: float
    fault_customers: int
    planned_customers: int


class Part(Record, frozen=True, kw_only=True):
    """The account of some days of the window."""

    customer_interruptions: int
    customer_minutes: float
    saifi: float
    saidi_minutes: float


class MajorEvents(Record, frozen=True, kw_only=True):
    """The limit by all interruptions day by day, days above it, and the window split by them."""

    alpha: float | None
    beta: float | None
    t_med_minutes: float | None
    provisional: bool
    days: tuple[str, ...]
    history_days: int
    on_major_days: Part
    on_other_days: Part


class Held(Record, frozen=True, kw_only=True):
    """A target, the window it is held to, and how that stands."""

    window_from: str
    window_to: str
    standing: Standing


class Report(Record, frozen=True, kw_only=True):
    all: Indices
    fault: Indices
    planned: Indices
    basis: Basis
    open: Open
    major_events: MajorEvents
    dlt836: Dlt836
    targets: tuple[Held, ...]
    notes: tuple[str, ...]


def report(
    records: Records,
    *,
    served: int,
    low: int,
    high: int,
    at: int,
    zone: tzinfo,
    threshold: Threshold = IEEE_1366,
    dlt_threshold: Threshold = DLT_836,
    metering: str = "low_voltage",
    levels: Levels | None = None,
    targets: Iterable[Target] = DEFAULTS,
) -> Report:
    """Indices of the starts in [low, high), as known at the moment `at`; what starts later than that is outside.

    Raises:
        ValueError: nobody is served, or the window has no length.
    """
    window = Window(low=low, high=min(high, at), at=at)
    if served <= 0 or window.high <= low:
        raise ValueError("indices need customers served and a window with a length")
    spells = [spells_of(records, kind) for kind in KINDS]
    every, fault, planned = (
        indices(
            one,
            devices=len(records.devices),
            served=served,
            window=window,
            threshold=threshold,
            levels=levels,
        )
        for one in spells
    )
    outside = (records.started_at < window.low) | (records.started_at >= window.high)
    basis = Basis(
        threshold_s=threshold.seconds,
        comparator=threshold.comparator,
        metering=metering,
        served=served,
        window_from=format_time(low),
        window_to=format_time(high),
        at=format_time(at),
        time_zone=str(zone),
        rows=len(records),
        outside_rows=int(outside.sum()),
        outside_customers=int(records.customers[outside].sum()),
        void_rows=int((records.ended_at == records.started_at).sum()),
        repeated_rows=records.repeated(),
    )
    return Report(
        all=every,
        fault=fault,
        planned=planned,
        basis=basis,
        open=Open(
            customers=every.open_customers,
            customer_minutes=every.open_customer_minutes,
            fault_customers=fault.open_customers,
            planned_customers=planned.open_customers,
        ),
        major_events=_major_events(spells[0], served, window, threshold, zone),
        dlt836=dlt836(spells, served=served, window=window, threshold=dlt_threshold, basis=metering),
        targets=tuple(
            _held(target, spells[0], served=served, window=window, threshold=threshold, zone=zone)
            for target in targets
        ),
        notes=tuple(_notes(basis, spells[0])),
    )


def _major_events(
    spells: Spells, served: int, window: Window, threshold: Threshold, zone: tzinfo
) -> MajorEvents:
    names, begins = periods(Period.DAY, window.low, window.high, zone)
    within = spells.starting(window.low, window.high)
    day = period_of(within.started_at, begins)
    daily = daily_saidi(spells, day=day, days=len(names), served=served, window=window, threshold=threshold)
    first = shift_years(window.high, -5, zone)
    history = daily[np.searchsorted(begins, first) :] if first > window.low else daily
    found = major_events.limit(history)
    major = found.exceeded(daily)
    judged = judge(spells, window, threshold)
    minutes = within.customer_minutes(window.at)

    def part(days: Int64s) -> Part:
        mine = np.isin(day, days)
        interruptions = int(within.customers[judged.counted & mine].sum())
        customer_minutes = float(minutes[judged.closed & mine].sum())
        return Part(
            customer_interruptions=interruptions,
            customer_minutes=customer_minutes,
            saifi=interruptions / served,
            saidi_minutes=customer_minutes / served,
        )

    return MajorEvents(
        alpha=found.alpha,
        beta=found.beta,
        t_med_minutes=found.t_med_minutes,
        provisional=found.provisional,
        days=tuple(names[i].isoformat() for i in np.flatnonzero(major)),
        history_days=len(history),
        on_major_days=part(np.flatnonzero(major)),
        on_other_days=part(np.flatnonzero(~major)),
    )


def _held(
    target: Target, spells: Spells, *, served: int, window: Window, threshold: Threshold, zone: tzinfo
) -> Held:
    """The window of the target's span that the last moment of the report is in, from where the report begins.

    A rolling year of which the report holds less is the year that begins with the report.
    """
    if target.span is Span.ROLLING_YEAR:
        low = max(window.low, shift_years(window.high, -1, zone))
        high = max(window.high, shift_years(low, 1, zone))
    else:
        period = Period(target.span.value)
        day = begin(period, local_day(window.high - 1, zone))
        low, high = max(window.low, midnight(day, zone)), midnight(following(period, day), zone)
    judged = judge(spells, Window(low=low, high=window.high, at=window.at), threshold)
    minutes = judged.spells.customer_minutes(window.at)
    spent = Spent(
        served=served,
        length=high - low,
        elapsed=window.high - low,
        customer_minutes=float(minutes[judged.closed].sum()),
        open_customer_minutes=float(minutes[judged.spells.going_on].sum()),
    )
    return Held(window_from=format_time(low), window_to=format_time(high), standing=standing(target, spent))


def _notes(basis: Basis, spells: Spells) -> Sequence[str]:
    """What a reader of the figures should look at."""
    notes = []
    if basis.outside_rows:
        notes.append(
            f"{basis.outside_rows} of {basis.rows} rows ({basis.outside_customers} customers) start outside the window "
            "and are not in it"
        )
    if basis.void_rows:
        notes.append(f"{basis.void_rows} rows end when they start and do not count")
    if basis.repeated_rows:
        notes.append(f"{basis.repeated_rows} rows repeat another one to the letter; each of them counts")
    most = int(peak(spells, np.zeros(len(spells), np.int64), 1)[0])
    if most > basis.served:
        notes.append(
            f"{most} customers are off at one moment, more than the {basis.served} served: rows may stand there twice"
        )
    return notes
