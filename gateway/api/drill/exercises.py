"""Exercises on their way into the stream, one at a time, and how far each has come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from msgspec import structs

from gateway.api.problems import within
from gateway.api.state import GatewayState
from gateway.api.stream import check_at_work, put
from gateway.core.clock import DAY, SECOND, Clock
from gateway.core.errors import ImpossibleError, InvalidInputError, NotFoundError
from gateway.core.inventory import DeviceKind, Inventory
from gateway.core.model import Drill, IncidentKind, IncidentState
from gateway.core.ports import Sink
from gateway.core.ticket import ENDED
from gateway.store.drills import DrillReport, Drills
from gateway.store.reports import Reports
from gateway.store.views import CaseFilter
from processors.drill.scope import MOST_DEVICES

_SETTLES = 60 * SECOND
"""From its end until nothing more is played."""

_LIVE = (IncidentState.OPEN, IncidentState.RESTORED)
_OUTAGES = (IncidentKind.OUTAGE, IncidentKind.PHASE_LOSS, IncidentKind.PLANNED_OUTAGE)
_MOST = 2000  # real incidents looked through
_STOP = ("end it with DELETE /api/drills/{id}",)


def is_over(report: DrillReport, now: int) -> bool:
    """Whether nothing more will come of it, but for messages."""
    if report.incident is None:
        return now >= report.drill.ends_at + _SETTLES
    ended = report.ticket_state is None or report.ticket_state in ENDED
    return report.incident_state not in _LIVE and ended


def due_at(last: Drill | None, every_days: int) -> int | None:
    """When the next exercise is due; None for at once, as none was held yet."""
    return None if last is None else last.starts_at + every_days * DAY


class Exercises:
    """`begin` and `end` put exercises into the stream; what was put there is known before the database knows it."""

    def __init__(
        self,
        drills: Drills,
        reports: Reports,
        *,
        sink: Sink,
        clock: Clock,
        state: GatewayState,
        inventory: Inventory,
    ) -> None:
        self._drills = drills
        self._reports = reports
        self._sink = sink
        self._clock = clock
        self._state = state
        self._inventory = inventory
        self._one_by_one = asyncio.Lock()
        self._asked: dict[str, Drill] = {}  # by us, as they are to be

    async def begin(self, node: str, *, length: int, by: str, reason: str) -> Drill:
        """Durable when this returns. `length` in µs.

        Raises InvalidInputError for a node without meters or with too many devices, ImpossibleError while another
        exercise or a real outage stands in the way, HTTPException 503 when the stream takes nothing.
        """
        async with self._one_by_one:
            self._check_node(node)
            now = self._clock.now()
            await self._check_others(now)
            await self._check_outages(node)
            drill = Drill(
                id=f"drill-{uuid4().hex[:12]}",
                node=node,
                starts_at=now,
                ends_at=now + length,
                received_at=now,
                by=by,
                reason=reason,
            )
            await self._put(drill)
            self._asked = {drill.id: drill}  # there is only one at a time
            return drill

    async def end(self, report: DrillReport) -> Drill:
        """Have supply come back now. Raises ImpossibleError when it has, HTTPException 503 as `begin`."""
        async with self._one_by_one:
            now = self._clock.now()
            drill = report.drill
            if now >= drill.ends_at:
                raise ImpossibleError(f"drill {drill.id} is at its end already", ())
            ended = structs.replace(drill, ends_at=max(now, drill.starts_at + 1))
            await self._put(ended)
            self._asked = {drill.id: ended}
            return ended

    async def report(self, drill_id: str) -> DrillReport:
        """Raises NotFoundError."""
        found = await within(self._drills.report(drill_id))
        asked = self._asked.get(drill_id)
        if found is None and asked is None:
            raise NotFoundError(f"there is no drill {drill_id!r}")
        if found is None:
            assert asked is not None
            return DrillReport(drill=asked)
        return found if asked is None else structs.replace(found, drill=asked)

    async def recent(self, limit: int) -> Sequence[Drill]:
        """The last ones by their start, latest first."""
        found = {drill.id: drill for drill in await within(self._drills.recent(limit))} | self._asked
        return sorted(found.values(), key=lambda drill: drill.starts_at, reverse=True)[:limit]

    async def _put(self, drill: Drill) -> None:
        check_at_work(self._state)
        await put(self._sink, [drill], "whether it took this is not known")

    def _check_node(self, node: str) -> None:
        inventory, network = self._inventory, self._inventory.network
        if node not in network:
            raise InvalidInputError([f"node: {node!r} is not a node of the network"])
        below = network.subtree(network.index(node))
        there = (inventory.node >= below.start) & (inventory.node < below.stop)
        if not (there & (inventory.kind == DeviceKind.METER)).any():
            raise InvalidInputError([f"node: no meter hangs at or below {node!r}"])
        if (count := int(there.sum())) > MOST_DEVICES:
            most = f"an exercise is for {MOST_DEVICES} at most; choose a node further down"
            raise InvalidInputError([f"node: {count} devices hang at or below {node!r}, and {most}"])

    async def _check_others(self, now: int) -> None:
        for drill in await self.recent(1):
            report = await self.report(drill.id)
            if now < report.drill.ends_at + _SETTLES or report.incident_state in _LIVE:
                raise ImpossibleError(f"drill {drill.id} at node {drill.node} is not over yet", _STOP)

    async def _check_outages(self, node: str) -> None:
        """People must be able to tell an exercise from what is real; at one place at one time they could not."""
        network = self._inventory.network
        index = network.index(node)
        path = network.path(index)
        only = CaseFilter(drill=False, below=(network.ids[path[0]],))
        for view in await within(self._reports.incidents(live=True, limit=_MOST, only=only)):
            incident = view.incident
            if incident.kind not in _OUTAGES or incident.node not in network:
                continue
            at = network.index(incident.node)
            if at in path or network.is_below(at, index):
                raise ImpossibleError(
                    f"there is a real outage at node {incident.node}: incident {incident.id}", ()
                )
