"""All routes about meter data."""

from __future__ import annotations

from typing import Protocol

from fastapi import FastAPI

from gateway.api.meterdata import changes, collection, edits, intervals, quality, usage
from gateway.api.meterdata.scope import Scope
from gateway.store.meterdata import MeterData
from gateway.store.meterlists import MeterLists
from gateway.store.quality import Quality
from gateway.store.usage import Usage


class MeterStore(Protocol):
    """What this needs of `gateway.store.store.Store`."""

    @property
    def meterdata(self) -> MeterData: ...

    @property
    def meterlists(self) -> MeterLists: ...

    @property
    def quality(self) -> Quality: ...

    @property
    def usage(self) -> Usage: ...


def include(app: FastAPI, store: MeterStore, scope: Scope) -> None:
    for router in (
        intervals.build(store.meterdata, store.meterlists, scope),
        edits.build(store.meterdata, store.meterlists, scope),
        changes.build(store.meterdata, scope),
        collection.build(store.meterdata, store.meterlists, scope),
        quality.build(store.quality, scope),
        usage.build(store.usage, store.meterlists, scope),
    ):
        app.include_router(router)
