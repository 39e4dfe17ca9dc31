"""Signing in on the page: a token once, then a cookie that no script can read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.api.access import tokens
from gateway.api.access.gate import Gate
from gateway.api.access.identity import Caller, StrangerError
from gateway.api.problems import within
from gateway.api.settings import AccessSettings
from gateway.api.shapes import Shape, Time
from gateway.core.access import Actor, Role
from gateway.core.clock import SECOND, Clock
from gateway.store.access import Access


class SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Annotated[SecretStr, Field(max_length=200)]


class SessionOut(Shape):
    """Who one is. `csrf` must come as the header X-CSRF-Token with every change that is asked for with the cookie;
    null for those without one. `below`: only what lies at or below these nodes; empty for the whole network."""

    name: str
    role: str
    below: list[str]
    csrf: str | None
    expires_at: Time | None


def build(access: Access, gate: Gate, settings: AccessSettings, clock: Clock) -> APIRouter:
    api = APIRouter(prefix="/api/session", tags=["access"])
    identity, anyone = gate.identity, Depends(gate.needs(Role.VIEWER))

    @api.post("", summary="Sign in with a token", status_code=201, operation_id="sign_in")
    async def sign_in(given: SignIn, request: Request, response: Response) -> SessionOut:
        gate.own_page(request)
        address = identity.address(request)
        gate.patience(request, address, brought=True)
        try:
            token = await identity.token(given.token.get_secret_value().strip())
        except StrangerError as exc:
            raise gate.stranger(request, exc, address) from None
        at = clock.now()
        expires_at = min(token.expires_at, at + round(settings.session.longest_s * SECOND))
        actor = Actor(
            name=token.name,
            role=token.role,
            below=token.below,
            origin="page",
            address=address,
            token=token.id,
        )
        gate.pace(request, actor)
        session = tokens.new_session()
        entry = gate.entry(request, actor, "session.begin", token.id, outcome="done")
        await within(access.begin(tokens.digest(session), token.id, entry, expires_at=expires_at))
        response.set_cookie(
            identity.cookie_name(request),
            session,
            max_age=(expires_at - at) // SECOND,
            path="/",
            secure=identity.secure(request),
            httponly=True,
            samesite="strict",
        )
        return _out(actor, session, expires_at)

    @api.get("", summary="Who one is", operation_id="get_session")
    async def whoami(request: Request, actor: Actor = anyone) -> SessionOut:
        caller: Caller = request.state.caller
        return _out(actor, caller.session, caller.expires_at)

    @api.delete("", summary="Sign out", status_code=204, operation_id="sign_out")
    async def sign_out(request: Request, response: Response, actor: Actor = anyone) -> None:
        caller: Caller = request.state.caller
        if not caller.session:
            return
        entry = gate.entry(request, actor, "session.end", actor.token, outcome="done")
        await within(access.end(tokens.digest(caller.session), entry))
        identity.forget(caller.session)
        response.delete_cookie(
            identity.cookie_name(request),
            path="/",
            secure=identity.secure(request),
            httponly=True,
            samesite="strict",
        )

    return api


def _out(actor: Actor, session: str, expires_at: int | None) -> SessionOut:
    return SessionOut(
        name=actor.name,
        role=actor.role.word,
        below=list(actor.below),
        csrf=tokens.csrf_of(session) if session else None,
        expires_at=expires_at,
    )
