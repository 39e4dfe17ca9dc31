"""After a start: bring the detectors to where they were, and hold their incidents against the database's."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from gateway.core.model import Incident, Interruption, PlannedOutage
from gateway.core.ports import Processor
from gateway.spool import Spool

log = logging.getLogger(__name__)


@runtime_checkable
class Adopting(Processor, Protocol):
    """A detector whose incidents can be held against the database's."""

    def open_ids(self) -> frozenset[str]:
        """Incidents that it follows."""
        ...

    def adopt(self, incidents: Sequence[Incident], interruptions: Sequence[Interruption]) -> None:
        """Take over incidents that it has no memory of; kinds that are not its own are left alone."""
        ...

    def republish(self, incidents: Collection[str]) -> None:
        """Tell of these again, whole, at the next tick: what was told could not be stored."""
        ...


class Restored(NamedTuple):
    seq: int  # up to which the detector has seen
    anew: bool  # it knows nothing of what lies before that


def restore(spool: Spool, processors: Sequence[Processor]) -> list[Restored]:
    """Restore the detectors from their last snapshots; where each of them stands, in their order.

    One without a snapshot that can be used begins with what the spool still holds. It does not take the others back
    with it: it may be one that the program did not have before.
    """
    start = spool.first - 1
    reached: list[Restored] = []
    for processor in processors:
        kept = spool.load_snapshot(processor.name)
        if kept is None or kept[0] < start:
            reached.append(Restored(start, anew=True))
            continue
        try:
            processor.restore(kept[1])
        except Exception:  # a boundary: whatever is wrong with it, there is a way on without it
            log.exception("snapshot cannot be used", extra={"processor": processor.name})
            processor.reset()
            reached.append(Restored(start, anew=True))
        else:
            reached.append(Restored(kept[0], anew=False))
    return reached


def announce(processors: Sequence[Processor], planned: Sequence[PlannedOutage]) -> None:
    """Tell the detectors of windows that they may know already: the same again changes nothing."""
    for processor in processors:
        for window in planned:
            processor.plan(window)


def reconcile(
    processors: Sequence[Processor],
    incidents: Sequence[Incident],
    interruptions: Sequence[Interruption],
    planned: Sequence[PlannedOutage],
) -> None:
    """Make the detectors follow the open incidents of the database, once both have come to the same place, and know
    the announced windows, whose entries the spool has long forgotten.

    They differ after a loss of snapshots, or when the configuration or the program changed since what was fed again.
    The database's were told to people, so these are the ones to go on with.
    """
    known = {incident.id for incident in incidents}
    for processor in processors:
        if isinstance(processor, Adopting) and (unknown := processor.open_ids() - known):
            log.warning(
                "detector concluded otherwise than before; going on with what the database has",
                extra={"processor": processor.name, "incidents": sorted(unknown)},
            )
            processor.reset()
        announce([processor], planned)
        if not isinstance(processor, Adopting):
            continue
        held = processor.open_ids()
        if orphans := [incident for incident in incidents if incident.id not in held]:
            processor.adopt(orphans, interruptions)
