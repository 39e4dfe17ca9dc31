"""The gate: what every route asks before it answers, and where it says what was done."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from msgspec import structs
from starlette.requests import HTTPConnection

from gateway.api.access import tokens
from gateway.api.access.auditing import AuditTrail
from gateway.api.access.buckets import Buckets
from gateway.api.access.identity import Caller, Identity, StrangerError, neighbourhood
from gateway.api.settings import LimitSettings
from gateway.core.access import Actor, AuditEntry, Role
from gateway.core.clock import Clock
from gateway.core.network import Network

BURST_S = 10.0
"""So many seconds' worth of requests may come at once."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})
_LONGEST_WHY = 500
_CASES = {"ticket_id": "ticket", "incident_id": "incident"}


class Needs:
    """A dependency of routes: the actor, who has this role or a higher one.

    Raises HTTPException: 401 without good credentials, 403 where they do not suffice or a page from elsewhere sends
    them, 429 for too many requests; UnavailableError where that cannot be told.
    """

    def __init__(self, gate: Gate, role: Role) -> None:
        self._gate = gate
        self.role = role

    async def __call__(self, request: Request) -> Actor:
        actor = (await self._gate.caller(request)).actor
        if actor.role < self.role:
            self._gate.deny(request, "role", actor)
            raise HTTPException(
                403, f"this needs the role {self.role.word}; this token has the role {actor.role.word}"
            )
        return actor


class Gate:
    """Who may pass. Everything it refuses is counted and in the audit log."""

    def __init__(self, identity: Identity, trail: AuditTrail, clock: Clock, limits: LimitSettings) -> None:
        self.identity = identity
        self.trail = trail
        self._clock = clock
        self._actors = Buckets(limits.actor_per_s, limits.actor_per_s * BURST_S)
        self._failures = Buckets(limits.failures_per_minute / 60, limits.failures_per_minute)

    def needs(self, role: Role) -> Needs:
        """A dependency: the actor, who has this role or a higher one."""
        return Needs(self, role)

    async def caller(self, request: Request) -> Caller:
        """Who asks, whatever they may do. Raises as `Needs`, but for the role."""
        address = self.identity.address(request)
        self.patience(request, address)
        try:
            caller = await self.identity.who(request)
        except StrangerError as exc:
            raise self.stranger(request, exc, address) from None
        if request.method not in _SAFE:
            self.own_page(request, caller)
        self.pace(request, caller.actor)
        request.state.caller = caller
        return caller

    def pace(self, request: Request, actor: Actor) -> None:
        """Raises HTTPException 429 for who asks too often."""
        if wait := self._actors.take(actor.token or f"{actor.name} {actor.address}", _now()):
            self.deny(request, "rate of actor", actor)
            raise too_many(wait, "this token asks too often")

    async def holds(self, request: Request, role: Role) -> bool:
        """Whether who asked long ago would still be let in: for answers that go on. Asks the database at times."""
        try:
            return (await self.identity.who(request)).actor.role >= role
        except StrangerError:
            return False

    def reach(self, request: Request, actor: Actor, node: str, network: Network, missing: str) -> None:
        """Raises HTTPException 404 with the words `missing` where the node lies outside the actor's part: what is
        there is told to nobody else."""
        if not actor.reaches(node, network):
            self.deny(request, "area", actor, thing=node)
            raise HTTPException(404, missing)

    async def audit(
        self,
        request: Request,
        actor: Actor,
        action: str,
        thing: str = "",
        *,
        outcome: str = "done",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Put on record what was done to `thing`, like "ticket.close". While the database is away it waits."""
        request.state.on_record = True
        await self.trail.write(self.entry(request, actor, action, thing, outcome=outcome, detail=detail))

    def deny(
        self,
        request: HTTPConnection,
        reason: str,
        actor: Actor | None = None,
        *,
        action: str = "",
        thing: str = "",
    ) -> None:
        """Count and put on record an attempt that was denied; a flood of them as a number."""
        action = action or str(request.scope.get("method", ""))
        thing = thing or _short(request.url.path)
        self.trail.denied(self.entry(request, actor, action, thing), reason)

    def refuse(self, request: Request, status: int, why: str) -> None:
        """Put on record that a change which somebody let in asked for cannot be; a flood of them as a number. What its
        route has put on record itself, and dry runs, are left out."""
        caller: Caller | None = getattr(request.state, "caller", None)
        dry = request.query_params.get("dry_run", "false").lower() in _TRUE
        if caller is None or request.method in _SAFE or dry or getattr(request.state, "on_record", False):
            return
        action, thing = _named(request)
        detail = {"status": status}
        entry = self.entry(request, caller.actor, action, thing, outcome="refused", detail=detail)
        self.trail.refused(entry, tokens.hidden(why)[:_LONGEST_WHY])

    def entry(
        self,
        request: HTTPConnection,
        actor: Actor | None,
        action: str,
        thing: str,
        *,
        outcome: str = "denied",
        detail: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            actor=actor.name if actor else "",
            role=actor.role.word if actor else "",
            origin=actor.origin if actor else "api",
            address=self.identity.address(request),
            token=actor.token if actor else "",
            action=action,
            object=thing,
            outcome=outcome,
            detail=dict(detail or {}),
        )

    def patience(self, request: HTTPConnection, address: str, *, brought: bool = False) -> None:
        """Raises HTTPException 429 after too many failures from one address, unless these credentials were good
        before. `brought`: there are some, elsewhere than in the headers."""
        brought = brought or _brings_something(request, self.identity)
        wait = self._failures.wait_s(neighbourhood(address), _now())
        if wait > 0 and brought and not self.identity.proven(request):
            self.deny(request, "failures of address")
            raise too_many(wait, "too many attempts with wrong credentials came from this address")

    def stranger(self, request: Request, exc: StrangerError, address: str) -> HTTPException:
        """The answer to somebody unknown."""
        if exc.reason != "no credentials":
            self._failures.add(neighbourhood(address), _now())
        entry = self.entry(request, None, request.method, _short(request.url.path))
        self.trail.denied(structs.replace(entry, actor=exc.actor, token=exc.token), exc.reason)
        return unauthorised(exc.reason)

    def own_page(self, request: Request, caller: Caller | None = None) -> None:
        """A page elsewhere can make a browser send requests here, and cookies with them; the browser says where the
        page came from, and only our own page knows the second value. Raises HTTPException 403."""
        headers, actor = request.headers, caller.actor if caller else None
        origin, host = headers.get("origin"), headers.get("host", "").lower()
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") or (
            origin is not None and _netloc(origin) != host
        ):
            self.deny(request, "origin", actor)
            raise HTTPException(403, "a page from elsewhere may not change anything here")
        if (
            caller
            and caller.session
            and not tokens.same(
                headers.get("x-csrf-token", "").encode("latin-1"), tokens.csrf_of(caller.session).encode()
            )
        ):
            self.deny(request, "csrf", actor)
            raise HTTPException(403, "a change needs the header X-CSRF-Token as GET /api/session tells it")


def unauthorised(reason: str) -> HTTPException:
    if reason == "no credentials":
        return HTTPException(401, _SIGN_IN, headers={"www-authenticate": 'Bearer realm="feederline"'})
    return HTTPException(
        401, _NOT_GOOD, headers={"www-authenticate": 'Bearer realm="feederline", error="invalid_token"'}
    )


def too_many(wait_s: float, why: str) -> HTTPException:
    return HTTPException(429, why, headers={"retry-after": str(max(1, math.ceil(wait_s)))})


def _brings_something(request: HTTPConnection, identity: Identity) -> bool:
    return "authorization" in request.headers or identity.cookie_name(request) in request.cookies


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _named(request: Request) -> tuple[str, str]:
    """What was asked for, of what: "ticket.close" and its id as it was given, or else method and path."""
    path = request.url.path
    for parameter, kind in _CASES.items():
        if (thing := request.path_params.get(parameter)) is not None:
            return f"{kind}.{_short(path.rpartition('/')[2])}", _short(str(thing))
    return request.method, _short(path)


def _short(path: str) -> str:
    return tokens.hidden(path)[:200]


def _now() -> float:
    return asyncio.get_running_loop().time()


_SIGN_IN = "sign in: send a token as Authorization: Bearer …; feederline token create makes one"
_NOT_GOOD = (
    "these credentials are not known, have expired or were taken back; feederline token create makes a token"
)
