"""Everything a report tells, as one record: asked of one snapshot of the database, with nothing rounded."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from alerts.settings import SlaSettings
from gateway.core.clock import DAY, MINUTE, format_time
from gateway.core.errors import InvalidInputError, RefusedError
from gateway.core.model import Record
from gateway.core.ticket import Ticket
from gateway.report.budget import Held, Index, Share, budgets, held, shares, targets_of
from gateway.report.clocks import ClockKept, clocks_kept
from gateway.report.span import Span
from gateway.store.accounts import Account, Dlt836, MajorEvents
from gateway.store.collection import CollectionRate
from gateway.store.drills import DrillReport
from gateway.store.quality import Compliance, TransformerLoad
from gateway.store.reporting import (
    Absence,
    CauseAccount,
    CorrectionLine,
    CustomerSupply,
    Doubts,
    EditCount,
    Heat,
    IncidentOutcome,
    Protocol,
    Suspicions,
    WrongClock,
)
from gateway.store.snapshot import Snapshot
from gateway.store.views import DailyReliability, Reliability
from processors.interruptions.periods import local_day, midnight, shift_years
from processors.interruptions.targets import Span as TargetSpan
from processors.interruptions.targets import Target

_ALL = 1_000_000  # rows of a table; more are not of this world
_LATE = 10 * MINUTE  # a gateway that works is not that far behind
HOT_FEEDERS = 20  # rows of the heat map


class Compared(Record, frozen=True, kw_only=True):
    """An earlier span of which at least a part was observed."""

    span: Span
    reliability: Reliability


class Report(Record, frozen=True, kw_only=True):
    """Figures of a span [low, high), as known at `at`, in µs UTC; days and months begin at midnight in `zone`."""

    span: Span
    low: int
    high: int
    at: int
    zone: str
    observed_since: int
    heard_until: int | None  # of what came later nothing is stored yet
    reliability: Reliability
    medium: tuple[Account, ...]  # on the medium-voltage basis: all, fault, planned
    dlt: Dlt836
    dlt_medium: Dlt836
    major: MajorEvents
    targets: tuple[Target, ...]
    allowed: dict[Index, float]  # minutes per customer, of the span's months together
    months: tuple[Held, ...]  # those of the span
    year: tuple[Held, ...]  # the twelve up to its end
    rolling: Held | None  # the twelve months up to its end, or up to now
    before: Compared | None
    year_before: Compared | None
    days: tuple[DailyReliability, ...]
    feeders: tuple[Share, ...]
    transformers: tuple[Share, ...]
    districts: tuple[Share, ...]
    areas: tuple[Share, ...]
    classes: tuple[Share, ...]
    heat_period: Literal["day", "month"]
    heat: tuple[Heat, ...]
    customers: tuple[CustomerSupply, ...]
    causes: tuple[CauseAccount, ...]
    tickets: tuple[Ticket, ...]
    clocks: tuple[ClockKept, ...]
    incidents: tuple[IncidentOutcome, ...]
    collection: tuple[CollectionRate, ...]
    collection_areas: tuple[CollectionRate, ...]
    collection_feeders: tuple[CollectionRate, ...]
    collection_target: float | None
    voltage: tuple[Compliance, ...]
    voltage_feeders: tuple[Compliance, ...]
    voltage_devices: tuple[Compliance, ...]
    loads: tuple[TransformerLoad, ...]
    suspicions: Suspicions
    drills: tuple[DrillReport, ...]
    drill_every_days: int
    drill_due_at: int | None  # as things stood at the span's end; None where none was ever held
    absences: tuple[Absence, ...]
    corrections: tuple[CorrectionLine, ...]
    edits: tuple[EditCount, ...]
    doubts: Doubts
    clock_faults: tuple[WrongClock, ...]
    protocols: tuple[Protocol, ...]
    names: dict[str, str]

    @property
    def so_far(self) -> bool:
        """The span is not over yet."""
        return self.at < self.high

    @property
    def cut(self) -> bool:
        """Observation began within the span."""
        return self.observed_since > self.low

    @property
    def deaf(self) -> bool:
        """The gateway stopped within the span and was not heard of again, so that no account knows of its absence."""
        end = min(self.high, self.at)
        return self.heard_until is not None and self.heard_until < end - _LATE

    @property
    def spent(self) -> float:
        """Customer minutes without supply, what goes on included."""
        found = self.reliability.all
        return found.customer_minutes + found.open.customer_minutes

    @property
    def polled_share(self) -> float | None:
        """Share of customers behind metering points that are asked, not heard."""
        total = sum(one.customers for one in self.protocols)
        polled = sum(one.customers for one in self.protocols if one.protocol == "modbus")
        return polled / total if total else None


async def gather(seen: Snapshot, span: Span, *, at: int, sla: SlaSettings, drill_every_days: int) -> Report:
    """Ask for everything.

    Raises:
        InvalidInputError: the span lies ahead, or before anything was observed.
        RefusedError: the database is empty: nobody is served, or nothing was ever heard.
    """
    settings = await seen.reporting.settings()
    zone_name = settings.get("time_zone", ("UTC", None))[0]
    zone = ZoneInfo(zone_name)
    low, high = span.bounds(zone)
    since = await seen.reporting.observed_since()
    if at <= low:
        raise InvalidInputError([f"--{span.kind} {span.label} lies ahead: it begins {format_time(low)}"])
    reliability = await seen.reports.reliability(low, high, at=at)
    if since is None or not reliability.served:
        lacks = "no customers are listed" if since is not None else "the gateway has not heard anything yet"
        raise RefusedError(f"there is nothing to report: {lacks}")
    if since >= min(high, at):
        raise InvalidInputError(
            [
                f"--{span.kind} {span.label}: observation began {format_time(since)}; nothing is known of before"
            ]
        )
    till = min(high, at)  # what has passed of it
    targets = targets_of(settings, TargetSpan.MONTH)
    year = await _year(seen, span, targets, zone, at)
    months = tuple(month for month in year if month.window_to > low)
    allowed = budgets(months, targets)
    elapsed = reliability.window_to - reliability.window_from

    async def by(place: Literal["feeder", "transformer", "district", "customer_class"]) -> tuple[Share, ...]:
        found = await seen.accounts.by(place, low, high, at=at, limit=_ALL)
        return tuple(shares(place, found, allowed, elapsed=elapsed))

    feeders = await by("feeder")
    areas = shares("area", await seen.reporting.areas(low, high, at=at), allowed, elapsed=elapsed)
    period: Literal["day", "month"] = "month" if span.kind == "year" else "day"
    hot = [share.key for share in feeders if share.customer_minutes + share.open_customer_minutes][
        :HOT_FEEDERS
    ]
    tickets = await seen.reporting.tickets(low, high)
    drills = await seen.reporting.drills(low, high)
    transformers = await by("transformer")
    loads = await seen.quality.transformers(low, high, limit=_ALL)
    keys = {share.key for share in (*feeders, *transformers)} | {load.node_id or "" for load in loads}
    last = drills[-1] if drills else None
    return Report(
        span=span,
        low=low,
        high=high,
        at=at,
        zone=zone_name,
        observed_since=since,
        heard_until=await seen.reporting.heard_until(),
        reliability=reliability,
        medium=tuple(
            [
                account
                for of in ("all", "fault", "planned")
                for account in await seen.accounts.by("all", low, high, at=at, of=of, basis="mv")
            ]
        ),
        dlt=await seen.accounts.dlt_836(low, high, at=at),
        dlt_medium=await seen.accounts.dlt_836(low, high, at=at, basis="mv"),
        major=await seen.accounts.major_events(low, high, at=at),
        targets=targets,
        allowed=allowed,
        months=months,
        year=year,
        rolling=await _rolling(seen, settings, zone, till, at),
        before=await _compared(seen, span.before(), since, zone, at),
        year_before=None
        if span.kind == "year"
        else await _compared(seen, span.year_before(), since, zone, at),
        days=tuple(await seen.reports.reliability_daily(low, high, at=at)),
        feeders=feeders,
        transformers=transformers,
        districts=await by("district"),
        areas=tuple(areas),
        classes=await by("customer_class"),
        heat_period=period,
        heat=tuple(await seen.reporting.heat(hot, low, high, at=at, period=period)),
        customers=tuple(await seen.reporting.customers(low, high, at=at)),
        causes=tuple(await seen.reporting.causes(low, high, at=at)),
        tickets=tuple(tickets),
        clocks=tuple(clocks_kept(tickets, sla, at=at)),
        incidents=tuple(await seen.reporting.incidents(low, high)),
        collection=tuple(await seen.collection.collection(low, high)),
        collection_areas=tuple(await seen.collection.collection(low, high, "area")),
        collection_feeders=tuple(await seen.collection.collection(low, high, "feeder")),
        collection_target=settings.get("collection_target", ("", None))[1],
        voltage=tuple(await seen.quality.compliance(low, high)),
        voltage_feeders=tuple(await seen.quality.compliance(low, high, place="feeder", limit=_ALL)),
        voltage_devices=tuple(
            [
                one
                for one in await seen.quality.compliance(low, high, place="device", limit=_ALL)
                if one.out_minutes
            ]
        ),
        loads=tuple(load for load in loads if load.overload_min or load.heavy_min or load.hot_min),
        suspicions=await seen.reporting.suspicions(low, high),
        drills=tuple(
            [
                report
                for drill in drills
                if drill.starts_at >= low and (report := await seen.drills.report(drill.id)) is not None
            ]
        ),
        drill_every_days=drill_every_days,
        drill_due_at=None if last is None else last.starts_at + drill_every_days * DAY,
        absences=tuple(await seen.reporting.absences(low, till)),
        corrections=tuple(await seen.reporting.corrections(low, high)),
        edits=tuple(await seen.reporting.edits(low, high)),
        doubts=await seen.reporting.doubts(low, high),
        clock_faults=tuple(await seen.reporting.clock_faults(low, till)),
        protocols=tuple(await seen.reporting.protocols()),
        names=await seen.reporting.names(keys),
    )


async def _year(
    seen: Snapshot, span: Span, targets: tuple[Target, ...], zone: tzinfo, at: int
) -> tuple[Held, ...]:
    """The twelve months up to the span's end, those of them that were observed and have begun."""
    spans = Span(kind="month", first=(span.end - timedelta(days=1)).replace(day=1))
    listed = [spans]
    while len(listed) < 12:
        listed.append(listed[-1].before())
    listed.reverse()
    low, high = midnight(listed[0].first, zone), midnight(listed[-1].end, zone)
    found = await seen.accounts.by("all", low, high, at=at, period="month")
    by_day = {month.first: month for month in listed}
    months = []
    for account in found:
        month = by_day[local_day(account.period_from, zone).replace(day=1)]
        months.append(held(month.label, account, targets, end=midnight(month.end, zone)))
    return tuple(months)


async def _rolling(
    seen: Snapshot, settings: dict[str, tuple[str, float | None]], zone: tzinfo, till: int, at: int
) -> Held | None:
    """Where less is known, it is the year that begins with the observation, as for `target_state`."""
    targets = targets_of(settings, TargetSpan.ROLLING_YEAR)
    found = await seen.accounts.by("all", shift_years(till, -1, zone), till, at=at)
    if not targets or not found:
        return None
    (account,) = found
    return held("rolling_year", account, targets, end=shift_years(account.period_from, 1, zone))


async def _compared(seen: Snapshot, span: Span, since: int, zone: tzinfo, at: int) -> Compared | None:
    low, high = span.bounds(zone)
    if since >= high:
        return None
    return Compared(span=span, reliability=await seen.reports.reliability(low, high, at=at))
