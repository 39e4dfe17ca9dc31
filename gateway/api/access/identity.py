"""Who a request comes from: a bearer token, somebody signed in on the page, or this machine itself."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Generic, Protocol, TypeVar

from msgspec import structs
from starlette.requests import HTTPConnection

from gateway.api.access import tokens
from gateway.api.problems import within
from gateway.api.settings import AccessSettings, ApiSettings, host_name, is_loopback
from gateway.core.access import Actor
from gateway.core.clock import MINUTE, SECOND, Clock
from gateway.core.errors import FeederlineError
from gateway.core.model import Record
from gateway.store.access import Access, Session, Token

T = TypeVar("T")

TRUSTED_S = 2.0
"""For how long what was looked up is believed: revoking takes effect within it."""

_REMEMBERED = 4096
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_TOUCH = 10 * MINUTE  # how far "last used" may be behind
_SEEN = MINUTE  # the same for sessions
_LONGEST_JWT = 16_384


class Caller(Record, frozen=True, kw_only=True):
    actor: Actor
    session: str = ""  # the cookie's value; empty for those without one
    expires_at: int | None = None  # of the session


class StrangerError(Exception):
    """Nobody known. `reason` is for the audit log, `actor` names whose credentials they were if that is sure."""

    def __init__(self, reason: str, actor: str = "", token: str = "") -> None:
        self.reason = reason
        self.actor = actor
        self.token = token
        super().__init__(reason)


class Verifier(Protocol):
    """Knows bearer tokens that somebody else gave out."""

    async def actor(self, token: str, address: str) -> Actor:
        """Raises StrangerError when it is not good, UnavailableError when that cannot be told now."""
        ...


class Identity:
    """Raises UnavailableError where the database cannot be asked."""

    def __init__(
        self,
        access: Access,
        api: ApiSettings,
        settings: AccessSettings,
        clock: Clock,
        verifier: Verifier | None = None,
    ) -> None:
        self._access = access
        self._settings = settings
        self._api = api
        self._clock = clock
        self._verifier = verifier
        self._proxies = [ip_network(text) for text in api.proxies]
        self._tokens = _Lately[tuple[Token, bytes]](TRUSTED_S)
        self._sessions = _Lately[Session](TRUSTED_S)
        self._touching: set[asyncio.Task[None]] = set()

    async def who(self, request: HTTPConnection) -> Caller:
        """Raises StrangerError."""
        given = request.headers.get("authorization")
        address = self.address(request)
        if given is not None:
            scheme, _, text = given.strip().partition(" ")
            if scheme.lower() != "bearer":
                raise StrangerError("no bearer token")
            return Caller(actor=await self.bearer(text.strip(), address))
        role = self._settings.loopback if self._here(request) else None
        if cookie := request.cookies.get(self.cookie_name(request)):
            try:
                return await self._signed_in(cookie, address)
            except StrangerError:
                if (
                    role is None
                ):  # else it is as if there were no cookie: browsers keep those of other ports too
                    raise
        if role is None:
            raise StrangerError("no credentials")
        return Caller(
            actor=Actor(name="loopback", role=role, origin=_browser(request.headers), address=address)
        )

    async def bearer(self, text: str, address: str, *, origin: str = "api") -> Actor:
        if text.count(".") == 2 and self._verifier is not None and len(text) <= _LONGEST_JWT:
            return await self._verifier.actor(text, address)
        return self._actor(await self.token(text), origin, address)

    async def token(self, text: str) -> Token:
        """The good token that this is. Raises StrangerError."""
        given = tokens.read(text)
        if given is None:
            raise StrangerError("unknown token")
        found = await self._tokens.get(given.id, lambda: within(self._access.find(given.id)))
        if found is None or not tokens.same(found[1], given.hash):
            raise StrangerError("unknown token", token=given.id if found else "")
        token, now = found[0], self._clock.now()
        _check(token, now)
        if token.last_used_at is None or now - token.last_used_at >= _TOUCH:
            self._tokens.put(given.id, (_used(token, now), found[1]))
            self._soon(self._access.used(token.id, now))
        return token

    def proven(self, request: HTTPConnection) -> bool:
        """Whether these very credentials were good a while ago: mistakes of neighbours are not held against them."""
        scheme, _, text = request.headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() == "bearer" and (given := tokens.read(text.strip())) is not None:
            found = self._tokens.peek(given.id)
            return found is not None and tokens.same(found[1], given.hash)
        cookie = request.cookies.get(self.cookie_name(request))
        return bool(cookie) and self._sessions.peek(str(cookie)) is not None

    def address(self, request: HTTPConnection) -> str:
        """Of the peer; behind a proxy that is believed, of whoever that says it is."""
        return self.address_of(
            request.client.host if request.client else "", request.headers.getlist("x-forwarded-for")
        )

    def address_of(self, peer: str, forwarded: list[str]) -> str:
        if not self._proxied(peer):
            return peer
        for part in reversed(",".join(forwarded).split(",")):
            said = part.strip()
            if not _address(said):
                break
            peer = said
            if not self._proxied(said):
                break
        return peer

    def secure(self, request: HTTPConnection) -> bool:
        """Whether the browser is, or must be, on https: a sign-in must not travel in the clear."""
        return self._api.tls is not None or not is_loopback(host_name(request.headers.get("host", "")))

    def cookie_name(self, request: HTTPConnection) -> str:
        return "__Host-feederline" if self.secure(request) else "feederline"

    def forget(self, session: str) -> None:
        self._sessions.drop(session)

    async def _signed_in(self, cookie: str, address: str) -> Caller:
        key = tokens.digest(cookie)
        session = await self._sessions.get(cookie, lambda: within(self._access.session(key)))
        if session is None:
            raise StrangerError("unknown session")
        now, limits = self._clock.now(), self._settings.session
        idle = now - session.seen_at
        _check(session.token, now)
        if now >= session.expires_at or idle >= limits.idle_s * SECOND:
            raise StrangerError("session expired", session.token.name, session.token.id)
        if idle >= min(_SEEN, int(limits.idle_s * SECOND / 10)):
            self._soon(self._access.seen(key, now))
            self._sessions.drop(cookie)
        actor = self._actor(session.token, "page", address)
        return Caller(actor=actor, session=cookie, expires_at=session.expires_at)

    def _actor(self, token: Token, origin: str, address: str) -> Actor:
        return Actor(
            name=token.name,
            role=token.role,
            below=token.below,
            origin=origin,
            address=address,
            token=token.id,
        )

    def _here(self, request: HTTPConnection) -> bool:
        """From this machine, to it by a name of its own, and through nobody."""
        return (
            request.client is not None
            and is_loopback(request.client.host)
            and is_loopback(host_name(request.headers.get("host", "")))
            and not any(name in request.headers for name in _FORWARDED)
        )

    def _proxied(self, address: str) -> bool:
        return _address(address) and any(ip_address(address) in net for net in self._proxies)

    def _soon(self, work: Awaitable[None]) -> None:
        """Nobody waits for it, and nobody minds if it fails."""

        async def quietly() -> None:
            try:
                await within(work)
            except FeederlineError:
                pass

        task = asyncio.create_task(quietly(), name="access touched")
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)


class _Lately(Generic[T]):
    """What was looked up lately. What was not found is looked for again."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._known: OrderedDict[str, tuple[T, float]] = OrderedDict()

    async def get(self, key: str, fetch: Callable[[], Awaitable[T | None]]) -> T | None:
        now = asyncio.get_running_loop().time
        if key in self._known and now() - self._known[key][1] < self._keep_s:
            return self._known[key][0]
        asked_at = now()
        found = await fetch()
        if found is None:
            self.drop(key)
        else:
            self._known[key] = (found, asked_at)
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def peek(self, key: str) -> T | None:
        return self._known[key][0] if key in self._known else None

    def put(self, key: str, value: T) -> None:
        """Replace a value without making it any younger."""
        if key in self._known:
            self._known[key] = (value, self._known[key][1])

    def drop(self, key: str) -> None:
        self._known.pop(key, None)


def neighbourhood(address: str) -> str:
    """Whose limits an address shares: of version 6 one party has a whole /64."""
    try:
        known = ip_address(address)
        return str(ip_network((int(known), 64), strict=False)) if known.version == 6 else address
    except ValueError:
        return address


def _check(token: Token, now: int) -> None:
    if token.revoked_at is not None:
        raise StrangerError("token revoked", token.name, token.id)
    if not token.good(now):
        raise StrangerError("token expired", token.name, token.id)


def _used(token: Token, now: int) -> Token:
    return structs.replace(token, last_used_at=now)


def _browser(headers: Mapping[str, str]) -> str:
    return "page" if "sec-fetch-site" in headers else "api"


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
