"""Which clocks of tickets were kept: by work, clock, severity and area; pure, from the tickets and `alerts.sla`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil

from alerts.settings import SlaSettings
from alerts.sla import clocks
from alerts.work import Work, work_of
from gateway.core.clock import MINUTE
from gateway.core.model import Record
from gateway.core.ticket import Ticket

CLOCKS = ("response", "arrival", "arrival_limit", "restoration")
AREAS = ("urban", "rural", "remote")


class ClockKept(Record, frozen=True, kw_only=True):
    """One clock of a group of tickets. severity 0 and area "" are all of them.

    kept: done in time.  missed: done late, or ran out before it was done.  moot: supply was back, or the ticket over,
    in time and before it was done.  running: neither done nor run out.  share: kept / (kept + missed).
    Minutes from the start of the clock to when it was done, of those done: the middle one, the 90th percentile (nearest
    rank) and the longest.
    """

    work: Work
    clock: str
    severity: int
    area: str
    limit_minutes: float | None
    tickets: int
    kept: int
    missed: int
    moot: int
    running: int
    share: float | None
    median_minutes: float | None
    p90_minutes: float | None
    worst_minutes: float | None


class _One(Record, frozen=True, kw_only=True):
    limit: int
    outcome: str
    took: int | None


_Key = tuple[Work, str, int, str]


def clocks_kept(tickets: Iterable[Ticket], sla: SlaSettings, *, at: int) -> list[ClockKept]:
    """Every clock of every group that has tickets; before its groups the whole of each work and clock."""
    groups: dict[_Key, list[_One]] = defaultdict(list)
    for ticket in tickets:
        work, area = work_of(ticket.kind), ticket.area if ticket.area in AREAS else sla.area
        for name, one in _judged(ticket, sla, at):
            groups[work, name, 0, ""].append(one)
            groups[work, name, ticket.severity, area].append(one)
    return [_kept(key, groups[key]) for key in sorted(groups, key=_order)]


def _judged(ticket: Ticket, sla: SlaSettings, at: int) -> Iterable[tuple[str, _One]]:
    since = ticket.opened_at if ticket.clocks_from is None else ticket.clocks_from
    done = {
        "response": _first(ticket.acknowledged_at, ticket.dispatched_at, ticket.arrived_at),
        "arrival": ticket.arrived_at,
        "arrival_limit": ticket.arrived_at,
        "restoration": _first(ticket.restored_at, ticket.closed_at),
    }
    for clock in clocks(ticket, sla):
        did = done[clock.name]
        # What was done only after the clock had stopped for another reason was not what stopped it.
        if did is not None and clock.stopped_at is not None and did > clock.stopped_at:
            did = None
        if (clock.stopped_at or at) > clock.due_at:
            outcome = "missed"
        elif did is not None:
            outcome = "kept"
        else:
            outcome = "running" if clock.stopped_at is None else "moot"
        took = None if did is None else max(0, did - since)
        yield clock.name, _One(limit=clock.due_at - since, outcome=outcome, took=took)


def _kept(key: _Key, found: Sequence[_One]) -> ClockKept:
    work, name, severity, area = key
    counts = {
        word: sum(one.outcome == word for one in found) for word in ("kept", "missed", "moot", "running")
    }
    settled = counts["kept"] + counts["missed"]
    took = sorted(one.took for one in found if one.took is not None)
    limits = {one.limit for one in found}
    return ClockKept(
        work=work,
        clock=name,
        severity=severity,
        area=area,
        limit_minutes=limits.pop() / MINUTE if len(limits) == 1 else None,
        tickets=len(found),
        **counts,
        share=counts["kept"] / settled if settled else None,
        median_minutes=_rank(took, 0.5),
        p90_minutes=_rank(took, 0.9),
        worst_minutes=_rank(took, 1.0),
    )


def _rank(took: Sequence[int], share: float) -> float | None:
    return took[ceil(share * len(took)) - 1] / MINUTE if took else None


def _order(key: _Key) -> tuple[int, int, int, int]:
    work, name, severity, area = key
    return list(Work).index(work), CLOCKS.index(name), severity, AREAS.index(area) if area else -1


def _first(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)
