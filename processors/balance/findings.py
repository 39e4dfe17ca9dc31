"""What the balance finds that accuses no customer: areas, registers of the supply, places in the network."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.inventory import Inventory
from gateway.core.model import Record, Suspicion
from gateway.core.usage import AreaEvidence
from processors.balance.area import AreaBook
from processors.balance.areas import Areas
from processors.balance.judge import AreaJudged
from processors.balance.settings import BalanceSettings
from processors.balance.suspects import AreaWindow


class AreaFinding(Record, frozen=True, kw_only=True):
    """kind: "area_loss" (more than is technical, and nobody below explains it: a line tapped before the meters),
    "supply_meter" (the register of the supply counts wrongly: a current transformer), "topology" (`device` hangs on
    `other`, not here), "phase" (`device` hangs on another phase than is registered).

    node, other: network indices of transformers;  device: a key, or −1;  since: µs UTC, −1 where it cannot be told.
    """

    kind: str
    node: int
    since: int
    words: str
    figures: dict[str, float]
    device: int = -1
    other: int = -1


def find(
    judged: AreaJudged,
    book: AreaBook,
    areas: Areas,
    windows: Sequence[AreaWindow],
    evidence: AreaEvidence,
    inventory: Inventory,
    *,
    settings: BalanceSettings,
) -> list[AreaFinding]:
    """At most one finding of each kind for an area or device."""
    raise NotImplementedError


def suspicions(
    found: Sequence[AreaFinding], areas: Areas, *, received_at: int, until: int
) -> list[Suspicion]:
    """Findings "area_loss" and "supply_meter" as suspicions of the device that measures the supply, which hangs on the
    transformer: so the incident and its ticket name the transformer, and nobody below. `reasons[0].rule` is the kind.
    """
    raise NotImplementedError
