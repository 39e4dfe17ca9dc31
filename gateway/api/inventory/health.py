"""How devices are: how many answer, and which concentrators have gone quiet with what hangs on them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Protocol, TypeAlias

import numpy as np
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Given

from gateway.api.access.gate import Gate
from gateway.api.inventory.field import Field
from gateway.api.problems import within
from gateway.api.shapes import Shape, Time
from gateway.api.shared import Shared
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock
from gateway.core.inventory import DeviceKind
from gateway.core.model import Bools, Int64s
from gateway.store.accounts import Accounts
from gateway.store.supply import Silence, Supply, Without

KEPT_S = 15.0
"""For how long an answer is good enough for the next viewer: every device is looked at for it."""

Silent: TypeAlias = Shared[Silence]
"""Which devices have not been heard lately; all who ask share one."""


class HealthPage(BaseModel):
    """`limit`: so many concentrators, those with the most devices silent or without supply first."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Given(ge=1, le=500)] = 100


class KindOut(Shape):
    """Listed devices of one kind, each counted once: `off` and `unknown` go by supply; `silent` are those of the others
    of which nothing was measured for three of their intervals, at least 15 minutes and at most two days."""

    kind: str
    devices: int
    on: int
    off: int
    unknown: int
    silent: int


class ConcentratorOut(Shape):
    """Of the `devices` behind it, in the part that one sees. `heard_at`: of when the latest reading is that came
    through it; null where none did lately."""

    id: str
    node: str
    node_name: str
    devices: int
    off: int
    unknown: int
    silent: int
    heard_at: Time | None


class HealthOut(Shape):
    """Up to 15 s old, as of `at`. `clock_faults`: devices whose own time was wrong within the last day."""

    at: Time
    kinds: list[KindOut]
    clock_faults: int
    concentrator_count: int
    concentrators: list[ConcentratorOut]


def silent(supply: Supply, clock: Clock) -> Silent:
    return Shared(lambda: within(supply.silence(clock.now())), keep_s=KEPT_S)


class HealthStore(Protocol):
    """What this needs of `gateway.store.store.Store`."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def supply(self) -> Supply: ...


def build(store: HealthStore, field: Field, silence: Silent, clock: Clock, gate: Gate) -> APIRouter:
    """To be asked before the route of one device, for which `health` would be a name."""
    api = APIRouter(prefix="/api", tags=["inventory"])
    reader = Depends(gate.needs(Role.VIEWER))
    faults = Shared(lambda: within(store.accounts.clock_faults(clock.now())), keep_s=KEPT_S)
    without = Shared(lambda: within(store.supply.without()), keep_s=KEPT_S)

    @api.get("/devices/health", summary="How devices and concentrators are", operation_id="get_device_health")
    async def health(asked: Annotated[HealthPage, Query()], actor: Actor = reader) -> HealthOut:
        at = clock.now()
        quiet, lost, wrong = await asyncio.gather(silence.get(), without.get(), faults.get())
        states = await asyncio.to_thread(_states, field, quiet, lost)
        mine = field.mine(actor)
        behind = _behind(field, states, mine)
        hubs = np.flatnonzero(mine & (field.inventory.kind == DeviceKind.CONCENTRATOR))
        hubs = hubs[np.lexsort((-behind[0, hubs], -behind[1:, hubs].sum(axis=0)))]
        return HealthOut(
            at=at,
            kinds=_kinds(field, states, mine),
            clock_faults=sum(actor.reaches(fault.node or "", field.network) for fault in wrong),
            concentrator_count=len(hubs),
            concentrators=[
                _concentrator(field, key, behind[:, key], quiet) for key in hubs[: asked.limit].tolist()
            ],
        )

    return api


ON, OFF, UNKNOWN, SILENT = range(4)


def _states(field: Field, quiet: Silence, lost: list[Without]) -> Int64s:
    """One per key."""
    states = np.full(len(field.inventory), ON, np.int64)
    states[field.keys(quiet.devices)] = SILENT
    for state, value in (("unknown", UNKNOWN), ("off", OFF)):
        states[field.keys(one.device for one in lost if one.state == state)] = value
    return states


def _kinds(field: Field, states: Int64s, mine: Bools) -> list[KindOut]:
    out = []
    for kind in DeviceKind:
        of = np.bincount(states[mine & (field.inventory.kind == kind)], minlength=4).tolist()
        if sum(of):
            out.append(
                KindOut(
                    kind=kind.word,
                    devices=sum(of),
                    on=of[ON],
                    off=of[OFF],
                    unknown=of[UNKNOWN],
                    silent=of[SILENT],
                )
            )
    return out


def _behind(field: Field, states: Int64s, mine: Bools) -> Int64s:
    """Devices behind each key that one sees, and of these off, unknown and silent: int64[4, keys]."""
    via, n = field.inventory.via, len(field.inventory)
    counted = [mine & (via >= 0)]
    counted += [counted[0] & (states == state) for state in (OFF, UNKNOWN, SILENT)]
    return np.stack([np.bincount(via[of], minlength=n) for of in counted]).astype(np.int64)


def _concentrator(field: Field, key: int, behind: Int64s, quiet: Silence) -> ConcentratorOut:
    device = field.inventory.device(key)
    devices, off, unknown, silent = behind.tolist()
    return ConcentratorOut(
        id=device.id,
        node=device.node,
        node_name=field.network.names[int(field.inventory.node[key])],
        devices=devices,
        off=off,
        unknown=unknown,
        silent=silent,
        heard_at=quiet.through.get(device.id),
    )
