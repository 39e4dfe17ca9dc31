"""Devices and nodes of a request about meter data, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import Request

from gateway.api.access.gate import Gate
from gateway.api.access.scope import narrowed, whole
from gateway.api.inventory.field import Field
from gateway.api.parameters import Window, WindowChoice
from gateway.api.problems import ImpossibleOut, Responses, within
from gateway.api.shapes import WindowOut
from gateway.core.access import Actor
from gateway.core.clock import Clock
from gateway.core.errors import InvalidInputError, NotFoundError
from gateway.store.book import Retired
from gateway.store.meterdata import MeterData

_NODES = (
    "node",
    "feeder",
    "transformer",
    "device",
    "concentrator",
)  # places that lie somewhere in the network
_WHOLE = (
    "these are figures of the whole network; ask by "
    "feeder, transformer or another place that lies within a part of it"
)

IMPOSSIBLE: Responses = {
    409: {"model": ImpossibleOut, "description": "Not possible as things are; says what is"}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What every route about meter data stands on; `zone` is where days begin."""

    gate: Gate
    field: Field
    clock: Clock
    zone: ZoneInfo

    def device(self, name: str, request: Request, actor: Actor) -> int:
        """Its key. Raises NotFoundError where there is none, HTTPException 404 in the same words where it is not
        theirs."""
        missing = f"there is no device {name!r}"
        inventory = self.field.inventory
        key = inventory.key(name)
        if key is None:
            raise NotFoundError(missing)
        self.gate.reach(request, actor, inventory.device(key).node, self.field.network, missing)
        return key

    def name_of(self, device: int, request: Request, actor: Actor, missing: str) -> str:
        """Its id. Raises HTTPException 404 in those words where it is not theirs."""
        found = self.field.inventory.device(device)
        self.gate.reach(request, actor, found.node, self.field.network, missing)
        return found.id

    async def known(self, name: str, book: MeterData, request: Request, actor: Actor) -> int | Retired:
        """As `device`, or one that is listed no more, for those who see the whole network: what was billed stays to be
        looked at."""
        if not actor.below and self.field.inventory.key(name) is None:
            retired = await within(book.retired(name))
            if retired is not None:
                return retired
        return self.device(name, request, actor)

    def node_of(self, device: int | Retired) -> str:
        return device.node if isinstance(device, Retired) else self.field.inventory.device(device).node

    def node(self, name: str, actor: Actor) -> str:
        """Raises NotFoundError where there is none, or none of theirs."""
        if self.field.node(name, actor) is None:
            raise NotFoundError(f"there is no node {name!r}")
        return name

    def below(self, actor: Actor, wanted: str | None) -> tuple[str, ...] | None:
        """Top nodes of what is asked for as far as it is theirs; None for everything. Raises as `node`."""
        if wanted is not None and wanted not in self.field.network:
            raise NotFoundError(f"there is no node {wanted!r}")
        return narrowed(actor, wanted, self.field.network)

    def groups(
        self, request: Request, actor: Actor, place: str, wanted: str | None
    ) -> tuple[str, ...] | None:
        """As `below`, for figures grouped by `place`. Raises HTTPException 403 where a group would be of the whole
        network and they see a part, InvalidInputError where `below` cannot hold."""
        if place in _NODES:
            return self.below(actor, wanted)
        whole(self.gate, request, actor, _WHOLE)
        if wanted is not None:
            raise InvalidInputError([f"below: goes with place {', '.join(_NODES)}, not with {place}"])
        return None

    def window(self, asked: WindowChoice) -> Window:
        return asked.resolve(self.clock.now(), self.zone)


def window_out(window: Window) -> WindowOut:
    return WindowOut(name=window.name, from_=window.low, to=window.high)
