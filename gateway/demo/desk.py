"""The service desk's people: they drive the ticket that the desk was told of, by signed callbacks."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import aiohttp
from standardwebhooks import Webhook

from gateway.core.clock import SECOND, Clock, to_datetime
from gateway.demo.processes import DESK, DemoError

_PATIENCE_S = 20.0


class ServiceDesk:
    """Calls back to a gateway at `page` (its address), signing with the target's `callback_secret`."""

    def __init__(self, page: str, secret: str, clock: Clock) -> None:
        self._url = f"{page}/api/callbacks/{DESK}"
        self._webhook = Webhook(secret)
        self._clock = clock

    async def ask(self, action: str, ticket: str, *, by: str, **said: str) -> float | None:
        """Have something done with a ticket; returns the seconds that it took until it was answered as done.

        None when there is nothing to be done any more, because somebody with a token was first. Raises DemoError when
        the gateway refuses for another reason, or does not answer.
        """
        document = {"ticket": ticket, "action": action, "by": by, **said}
        body = json.dumps(document).encode()
        name, asked_at = f"call_{uuid4().hex}", self._clock.now()
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(asked_at // SECOND),
            "webhook-signature": self._webhook.sign(
                name, to_datetime(asked_at // SECOND * SECOND), body.decode()
            ),
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as client,
                client.post(self._url, data=body, headers=headers) as response,
            ):
                status, answer = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise DemoError(f"the gateway did not answer the desk's callback ({action}): {exc}") from exc
        if status == 409 or (status == 200 and not _done(answer)):
            return None
        if status != 200:
            raise DemoError(f"the gateway answered the desk's callback ({action}) with {status}: {answer}")
        return (self._clock.now() - asked_at) / SECOND


def _done(answer: str) -> bool:
    told: dict[str, Any] = json.loads(answer)
    return bool(told["done"])
