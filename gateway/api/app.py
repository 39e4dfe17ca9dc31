"""The application: the page at /, the REST API under /api, health and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from alerts.desk import Desk
from alerts.settings import AlertSettings
from gateway.api import problems, routes
from gateway.api.access import signin
from gateway.api.access.auditing import AuditTrail
from gateway.api.access.gate import Gate
from gateway.api.access.guard import Guard
from gateway.api.access.identity import Identity
from gateway.api.access.limits import Limits
from gateway.api.access.oidc import Oidc
from gateway.api.access.scope import whole
from gateway.api.cases import casework
from gateway.api.cases.casework import CaseStore, Office
from gateway.api.cases.deliveries import Sending
from gateway.api.cases.hub import RELOADS, STOPS
from gateway.api.drill import drills
from gateway.api.drill.exercises import Exercises
from gateway.api.inventory import health, imports
from gateway.api.inventory import reads as inventory
from gateway.api.inventory.field import Field
from gateway.api.inventory.reads import Seen
from gateway.api.meterdata import routers as meterdata
from gateway.api.meterdata.routers import MeterStore
from gateway.api.meterdata.scope import Scope
from gateway.api.openapi import describe
from gateway.api.routes import Days
from gateway.api.settings import AccessSettings, ApiSettings
from gateway.api.shapes import ReadyOut
from gateway.api.state import GatewayState
from gateway.api.supply import accounts, corrections, picture, planned
from gateway.api.supply.announce import Announcer
from gateway.core.access import Actor, Role
from gateway.core.clock import Clock, SystemClock
from gateway.core.inventory import Inventory
from gateway.core.network import Network
from gateway.core.ports import Sink, TicketDesk
from gateway.inventoryimport import Importer, NoImporter
from gateway.store.accounts import Accounts
from gateway.store.corrections import Corrections
from gateway.store.drills import Drills
from gateway.store.supply import Supply
from processors.drill.settings import DrillSettings

_WEB = Path(__file__).parent / "web"
_SYSTEM_CLOCK = SystemClock()
_CLOSED = AccessSettings()
_NO_ALERTS = AlertSettings()
_HALF_YEARLY = DrillSettings()

# Some systems map .js to text/plain; a browser told not to guess would then refuse it.
mimetypes.add_type("text/javascript", ".js")


class ReportingStore(CaseStore, MeterStore, Protocol):
    """What the API needs of `gateway.store.store.Store`."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def corrections(self) -> Corrections: ...

    @property
    def drills(self) -> Drills: ...

    @property
    def supply(self) -> Supply: ...


def create_app(
    store: ReportingStore,
    *,
    settings: ApiSettings,
    state: GatewayState,
    sink: Sink,
    network: Network,
    devices: Inventory | None = None,
    importer: Importer | None = None,
    access: AccessSettings = _CLOSED,
    trail: AuditTrail | None = None,
    desk: TicketDesk | None = None,
    alerts: AlertSettings = _NO_ALERTS,
    drill: DrillSettings = _HALF_YEARLY,
    time_zone: str = "UTC",
    clock: Clock = _SYSTEM_CLOCK,
) -> FastAPI:
    """What is announced is held against `network` and goes into `sink`. `devices` hang on it; `importer` takes others,
    and another network. `trail` keeps what waits for the audit log, also for the next application. `desk` moves
    tickets, `alerts` says what their clocks and targets are. `time_zone` is where days and months begin; the same as
    the setting `time_zone` in the database."""
    trail = trail or AuditTrail(store.access, clock)
    verifier = Oidc(access.oidc) if access.oidc else None
    identity = Identity(store.access, settings, access, clock, verifier)
    gate = Gate(identity, trail, clock, access.limits)
    reader = Depends(gate.needs(Role.VIEWER))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writing = asyncio.create_task(trail.run(), name="audit log")
        try:
            yield
        finally:
            hub.close()
            writing.cancel()
            await asyncio.wait([writing])

    app = FastAPI(
        title="Feederline",
        version="1",
        summary="Incidents, tickets, reliability and meter data to read, outages to announce, figures to correct.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # served below, to those who may read
        docs_url=None,  # its page loads scripts from elsewhere; control rooms have no internet
        redoc_url=None,
    )
    app.add_middleware(Limits, gate=gate, settings=access.limits)
    app.add_middleware(Guard, settings=settings)
    problems.install(app, gate.refuse)
    zone = ZoneInfo(time_zone)
    listed = devices or Inventory([], network)
    field = Field(listed)
    app.include_router(signin.build(store.access, gate, access, clock))
    app.include_router(
        routes.build(
            store,
            Sending(store.targets, alerts, clock),
            state,
            Days(clock, zone),
            drill=drill,
            field=field,
            gate=gate,
        )
    )
    hub = casework.include(
        app,
        store,
        Office(
            gate=gate,
            clock=clock,
            network=network,
            state=state,
            sink=sink,
            desk=desk or Desk(listed, alerts),
            alerts=alerts,
        ),
    )
    app.include_router(accounts.build(store.accounts, clock, zone, gate, network))
    app.include_router(corrections.build(store.corrections, clock, gate, network))
    meterdata.include(app, store, Scope(gate=gate, field=field, clock=clock, zone=zone))
    announcer = Announcer(store.reports, sink, clock, state)
    app.include_router(planned.build(store.reports, announcer, clock, network, gate))
    exercises = Exercises(store.drills, store.reports, sink=sink, clock=clock, state=state, inventory=listed)
    app.include_router(drills.build(exercises, drill, clock, network, gate))
    importer = importer or NoImporter()
    app.state.end_streams = lambda: hub.end(RELOADS if importer.loaded().reloading else STOPS)
    app.include_router(imports.build(importer, gate))
    app.include_router(picture.build(field, store.supply, clock, gate))  # before the nodes of any name
    silent = health.silent(store.supply, clock)
    app.include_router(health.build(store, field, silent, clock, gate))
    app.include_router(inventory.build(field, Seen(store.supply, silent), importer, clock, gate))

    @app.head("/health/live", include_in_schema=False)
    @app.get("/health/live", summary="The process answers")
    async def live() -> dict[str, bool]:
        return {"alive": True}

    @app.head("/health/ready", include_in_schema=False)
    @app.get("/health/ready", summary="The gateway can do its work", responses={503: {"model": ReadyOut}})
    async def ready() -> JSONResponse:
        reasons = state.ready()
        body = ReadyOut(ready=not reasons, reasons=reasons)
        return JSONResponse(body.model_dump(), status_code=503 if reasons else 200)

    @app.get("/api/openapi.json", include_in_schema=False, dependencies=[reader])
    async def openapi() -> JSONResponse:
        return JSONResponse(describe(app))

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def metrics(request: Request, actor: Actor = reader) -> Response:
        whole(gate, request, actor, "these are figures of the whole gateway")
        return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_WEB / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/web", StaticFiles(directory=_WEB), name="web")
    return app
