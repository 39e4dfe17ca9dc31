"""A target as it is spoken to: its secrets, its certificates, and one try to bring one message across.

When to try again is the dispatcher's matter.
"""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace

import aiohttp
from standardwebhooks import Webhook

from alerts.exchange import LineError, Reply
from alerts.formats import FORMATS
from alerts.line import HttpLine, quotable
from alerts.signing import SHAPE, new_secret, signer
from alerts.targets import TargetSettings
from gateway.core.clock import SECOND, Clock, SystemClock, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.settings import Secret
from gateway.core.ticket import Delivery

__all__ = ["Endpoint", "endpoints", "new_secret", "open_session"]

log = logging.getLogger(__name__)

USER_AGENT = "Feederline-Webhooks/1"
_ERROR_LENGTH = 500


class Endpoint:
    """A target with its secrets and certificates loaded, ready to be sent to."""

    def __init__(
        self, target: TargetSettings, allowed_hosts: frozenset[str], clock: Clock | None = None
    ) -> None:
        """Raises InvalidInputError, naming the target but no secret, when one of these cannot be used."""
        self.name = target.name
        self._target = target
        self._clock = clock or SystemClock()
        self._exchange = FORMATS.get(target.format).exchange
        self._faults: list[str] = []
        if target.host not in allowed_hosts:
            self._faults.append(f"host {target.host} is not on allow_hosts")
        given = (("secret", target.secret), ("previous_secret", target.previous_secret))
        self._signers = [own for key, secret in given if (own := self._signer(key, secret))]
        self._own_headers, self._hidden = self._identity()
        self._tls = self._trust()
        if self._faults:
            raise InvalidInputError([f"target {target.name}: {fault}" for fault in self._faults])

    def headers(self, delivery: Delivery, *, at: int) -> dict[str, str]:
        """Headers of Standard Webhooks for a try made at `at`: one signature per secret, the current one first."""
        found = {"webhook-id": delivery.id, "webhook-timestamp": str(at // SECOND)}
        if self._signers:
            when, text = to_datetime(at), delivery.body.decode()
            found["webhook-signature"] = " ".join(own.sign(delivery.id, when, text) for own in self._signers)
        return found

    def line(self, session: aiohttp.ClientSession) -> HttpLine:
        """The way there for one exchange, which may take the target's time-out from now on, all in all."""
        return HttpLine(
            session,
            self._target.url,
            timeout_s=self._target.timeout_s,
            tls=self._tls,
            own_headers=self._own_headers,
            sign=lambda delivery: self.headers(delivery, at=self._clock.now()),
            clock=self._clock,
        )

    async def send(self, session: aiohttp.ClientSession, delivery: Delivery) -> Reply:
        """Try once. Whatever the other side, the line or the format does comes back as a `Reply`."""
        try:
            reply = await self._exchange(self.line(session), delivery)
        except LineError as exc:
            return Reply(status=None, error=self._discreet(str(exc)))
        except (
            Exception
        ) as exc:  # a boundary: an answer that a format does not expect must not hold up the others
            log.exception("format failed on an answer", extra={"target": self.name, "delivery": delivery.id})
            return Reply(status=None, error=f"format {self._target.format} failed: {type(exc).__name__}")
        if reply.accepted:
            return reply
        return replace(reply, error=self._discreet(reply.error))

    def _discreet(self, text: str) -> str:
        """A receiver may quote what it was sent; our credentials go no further than to it."""
        for hidden in self._hidden:
            text = text.replace(hidden, "…")
        return quotable(text, _ERROR_LENGTH)

    def _reveal(self, key: str, secret: Secret) -> str:
        try:
            return secret.reveal()
        except InvalidInputError as exc:
            self._faults += [f"{key}: {fault}" for fault in exc.faults]
            return ""

    def _signer(self, key: str, secret: Secret | None) -> Webhook | None:
        text = "" if secret is None else self._reveal(key, secret)
        made = signer(text) if text else None
        if text and made is None:
            self._faults.append(f"{key}: must be {SHAPE}")
        return made

    def _identity(self) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """Headers of ours that no format may change, and the words in them that nobody else is to read."""
        found = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
        basic, bearer = self._target.basic_auth, self._target.bearer_token
        if basic is not None:
            password = self._reveal("basic_auth.password", basic.password)
            pair = base64.b64encode(f"{basic.user}:{password}".encode()).decode()
            return found | {"authorization": f"Basic {pair}"}, tuple(filter(None, (pair, password)))
        if bearer is not None:
            token = self._reveal("bearer_token", bearer)
            if any(not "!" <= c <= "~" for c in token):
                self._faults.append("bearer_token: holds spaces or characters beyond ASCII")
                return found, ()
            return found | {"authorization": f"Bearer {token}"}, tuple(filter(None, (token,)))
        return found, ()

    def _trust(self) -> ssl.SSLContext:
        ca, cert, key = self._target.ca_file, self._target.client_cert, self._target.client_key
        try:
            context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as exc:  # SSLError is one
            self._faults.append(f"ca_file {ca}: {exc.strerror or exc}")
            context = ssl.create_default_context()
        if cert is not None and key is not None:
            try:
                context.load_cert_chain(cert, key, password=_no_password)
            except (OSError, ValueError) as exc:
                said = getattr(exc, "strerror", None) or exc
                self._faults.append(f"client_cert {cert} with client_key {key}: {said}")
        return context


def endpoints(
    targets: Iterable[TargetSettings], allowed_hosts: frozenset[str], clock: Clock | None = None
) -> dict[str, Endpoint]:
    """All targets by name. Raises InvalidInputError with the faults of all of them."""
    found: dict[str, Endpoint] = {}
    faults: list[str] = []
    for target in targets:
        try:
            found[target.name] = Endpoint(target, allowed_hosts, clock)
        except InvalidInputError as exc:
            faults += exc.faults
    if faults:
        raise InvalidInputError(faults)
    return found


def open_session(connections: int) -> aiohttp.ClientSession:
    """A session that keeps no cookies, unpacks no replies and ignores proxies of the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _no_password() -> str:
    """Else the library would ask for it at the terminal."""
    raise ValueError("the key is protected by a password, which cannot be asked for here")
