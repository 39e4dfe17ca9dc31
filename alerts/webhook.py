"""Signed messages out, by the Standard Webhooks rules. One try; when to try again is the dispatcher's matter."""

from __future__ import annotations

import base64
import secrets
import ssl
from email.utils import parsedate_to_datetime

import aiohttp
from standardwebhooks import Webhook
from yarl import URL

from alerts.exchange import Reply
from alerts.targets import TargetSettings
from gateway.core.clock import SECOND, from_datetime, to_datetime
from gateway.core.errors import InvalidInputError
from gateway.core.model import Delivery
from gateway.core.settings import Secret

PREFIX = "whsec_"
USER_AGENT = "Feederline-Webhooks/1"
_KEY_BYTES = range(24, 65)
_REPLY_BYTES = 2048
_QUOTED = 200


def new_secret() -> str:
    """A fresh signing secret, `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


class Endpoint:
    """A target with its secrets and certificates loaded, ready to be sent to."""

    def __init__(self, target: TargetSettings, allowed_hosts: frozenset[str]) -> None:
        """Raises InvalidInputError, naming the target but no secret, when one of these cannot be used."""
        faults: list[str] = []
        self.name = target.name
        self._url = URL(target.url)
        if target.host not in allowed_hosts:
            faults.append(f"target {target.name}: host {target.host} is not on allow_hosts")
        self._signers: list[Webhook] = []
        for key, secret in (("secret", target.secret), ("previous_secret", target.previous_secret)):
            if secret is not None:
                try:
                    self._signers.append(_signer(secret))
                except InvalidInputError as exc:
                    faults += [f"target {target.name}: {key}: {fault}" for fault in exc.faults]
        self._timeout = aiohttp.ClientTimeout(total=target.timeout_s)
        self._timeout_s = target.timeout_s
        self._tls: ssl.SSLContext | bool = True
        if target.ca_file is not None:
            try:
                self._tls = ssl.create_default_context(cafile=str(target.ca_file))
            except OSError as exc:  # SSLError is one
                faults.append(f"target {target.name}: ca_file {target.ca_file}: {exc.strerror or exc}")
        if faults:
            raise InvalidInputError(faults)

    def headers(self, delivery: Delivery, *, at: int) -> dict[str, str]:
        """Headers of a try made at `at`: one signature per secret, the current one first."""
        when = to_datetime(at)
        text = delivery.body.decode()
        return {
            "webhook-id": delivery.id,
            "webhook-timestamp": str(at // SECOND),
            "webhook-signature": " ".join(signer.sign(delivery.id, when, text) for signer in self._signers),
            "content-type": delivery.content_type,
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
        }

    async def send(self, session: aiohttp.ClientSession, delivery: Delivery, *, at: int) -> Reply:
        """Try once. Whatever the other side or the line does comes back as a `Reply`, never as an exception."""
        try:
            async with session.post(
                self._url,
                data=delivery.body,
                headers=self.headers(delivery, at=at),
                allow_redirects=False,
                timeout=self._timeout,
                ssl=self._tls,
            ) as response:
                return await _judge(response, at)
        except TimeoutError:
            return Reply(status=None, error=f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as exc:
            return Reply(status=None, error=f"{type(exc).__name__}: {_printable(_reason(exc))}"[:_QUOTED])


def open_session(connections: int) -> aiohttp.ClientSession:
    """A session that keeps no cookies, unpacks no replies and ignores proxies of the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def _judge(response: aiohttp.ClientResponse, at: int) -> Reply:
    status = response.status
    if 200 <= status < 300:
        return Reply(status=status)
    if 300 <= status < 400:
        return Reply(
            status=status, error=f"{status}: redirects are not followed; configure the final address"
        )
    try:
        said = (await response.content.read(_REPLY_BYTES)).decode("utf-8", "replace")
    except (aiohttp.ClientError, OSError):  # the status has come; a torn body changes nothing
        said = ""
    words = _printable(said[:_QUOTED])
    return Reply(
        status=status,
        error=f"{status}: {words}" if words else str(status),
        retry_after=_retry_after(response.headers.get("retry-after", ""), at)
        if status in (429, 503)
        else None,
        gone=status == 410,
    )


def _retry_after(text: str, at: int) -> int | None:
    """Seconds or an HTTP date to µs from `at`; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        return int(text) * SECOND
    try:
        return max(0, from_datetime(parsedate_to_datetime(text)) - at)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _signer(secret: Secret) -> Webhook:
    text = secret.reveal()
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        encoded = text.removeprefix(PREFIX)
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""  # refused below, outside of this block: the chain of exceptions could quote the secret
    if len(key) not in _KEY_BYTES:
        raise InvalidInputError([f"must be {PREFIX} followed by base64 of 24 to 64 bytes"])
    return Webhook(key)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.strerror:
        return exc.os_error.strerror
    if isinstance(
        exc, aiohttp.ClientResponseError
    ):  # as text it quotes the URL, whose query may hold a token
        return exc.message or "no HTTP answer"
    if isinstance(exc, aiohttp.InvalidURL):
        return "the URL cannot be used"
    return str(exc) or "no more is known"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()
