"""Gets messages out of the outbox to their targets: in parallel, in order per ticket, again until accepted."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence

import aiohttp

from alerts import metrics
from alerts.retry import next_try_at
from alerts.settings import AlertSettings
from alerts.targets import TargetSettings
from alerts.webhook import Endpoint, Reply, open_session
from gateway.core.backoff import Backoff
from gateway.core.clock import SECOND, Clock
from gateway.core.errors import InvalidInputError, UnavailableError
from gateway.core.model import Delivery
from gateway.core.ports import Outbox

log = logging.getLogger(__name__)

_LEASE_MARGIN_S = 10
_LONGEST_PAUSE_S = 30.0


class Dispatcher:
    """Claims due deliveries, sends them, and writes down how it went.

    A delivery whose outcome could not be written down is sent again when its lease ends, under the same webhook-id.
    """

    def __init__(
        self,
        outbox: Outbox,
        targets: Sequence[TargetSettings],
        clock: Clock,
        settings: AlertSettings,
        *,
        chance: random.Random | None = None,
    ) -> None:
        """Raises InvalidInputError listing every target whose secret, certificate or host cannot be used."""
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._chance = chance or random.Random()
        self._endpoints = endpoints(targets, settings.allowed_hosts)
        self._disabled: set[str] = set()
        self._late: dict[str, tuple[str, int]] = {}  # delivery → target, last failure
        longest_s = max((target.timeout_s for target in targets), default=0.0)
        self._lease = round((longest_s + _LEASE_MARGIN_S) * SECOND)

    async def run(self) -> None:
        """Run until cancelled; messages under way then get a short grace, after which their lease runs out."""
        sending: set[asyncio.Task[None]] = set()
        added: asyncio.Task[None] | None = None
        async with open_session(self._settings.concurrency) as session, asyncio.TaskGroup() as tasks:
            try:
                while True:
                    for delivery in await self._claim(self._settings.concurrency - len(sending)):
                        task = tasks.create_task(self._deliver(session, delivery), name=f"send {delivery.id}")
                        sending.add(task)
                    if added is None or added.done():
                        added = tasks.create_task(self._more(), name="watch outbox")
                    waited = sending if len(sending) >= self._settings.concurrency else {*sending, added}
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                    sending = {task for task in sending if not task.done()}
            except asyncio.CancelledError:
                if sending:
                    await asyncio.wait(sending, timeout=self._settings.grace_s)
                raise

    async def _claim(self, limit: int) -> list[Delivery]:
        backoff = Backoff(base_s=self._settings.unavailable_s, cap_s=_LONGEST_PAUSE_S, rng=self._chance)
        while True:
            try:
                return await self._outbox.claim(at=self._clock.now(), lease=self._lease, limit=limit)
            except UnavailableError as exc:
                metrics.OUTBOX_FAULTS.inc()
                log.warning("outbox does not answer", extra={"error": str(exc), "failures": backoff.failures})
            await backoff.sleep()

    async def _more(self) -> None:
        try:
            await self._outbox.wait(self._settings.idle_s)
        except UnavailableError:  # if it is more than the wake-up that is broken, the next claim reports it
            await asyncio.sleep(self._settings.idle_s)

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        began = time.monotonic()
        reply = await self._try(session, delivery)
        metrics.TRY_SECONDS.labels(delivery.target).observe(time.monotonic() - began)
        try:
            await self._settle(delivery, reply)
        except UnavailableError as exc:
            metrics.OUTBOX_FAULTS.inc()
            log.warning(
                "outcome of a delivery could not be written; it will be sent again",
                extra={"delivery": delivery.id, "target": delivery.target, "error": str(exc)},
            )

    async def _try(self, session: aiohttp.ClientSession, delivery: Delivery) -> Reply:
        endpoint = self._endpoints.get(delivery.target)
        if endpoint is None:
            return Reply(status=None, error="no target of this name is configured", gone=True)
        if delivery.target in self._disabled:
            return Reply(status=None, error="target is disabled since it answered 410 Gone", gone=True)
        return await endpoint.send(session, delivery, at=self._clock.now())

    async def _settle(self, delivery: Delivery, reply: Reply) -> None:
        now = self._clock.now()
        if reply.accepted:
            await self._outbox.delivered(delivery, at=now, status=reply.status or 0)
            metrics.DELAY_SECONDS.labels(delivery.target).observe(max(0, now - delivery.created_at) / SECOND)
            self._ended(delivery, "delivered")
            return
        if reply.status == 410:
            self._disable(delivery.target)
        retry = self._settings.retry
        next_at = (
            None
            if reply.gone
            else next_try_at(
                delivery, retry, now=now, retry_after=reply.retry_after, chance=self._chance.random()
            )
        )
        await self._outbox.failed(delivery, at=now, next_at=next_at, error=reply.error)
        if next_at is None:
            log.error("delivery given up; it is among the dead letters", extra=_fields(delivery, reply))
            self._ended(delivery, "dead")
            return
        metrics.TRIES.labels(delivery.target, "retry").inc()
        if delivery.attempts == 0:
            log.warning("delivery failed; it is tried again", extra=_fields(delivery, reply))
        self._watch(delivery, reply, now)

    def _ended(self, delivery: Delivery, outcome: str) -> None:
        metrics.TRIES.labels(delivery.target, outcome).inc()
        if self._late.pop(delivery.id, None) is not None:
            self._count_late(delivery.target)

    def _disable(self, target: str) -> None:
        if target not in self._disabled:
            self._disabled.add(target)
            metrics.DISABLED.labels(target).set(1)
            log.error("target answered 410 Gone and is disabled until restart", extra={"target": target})

    def _watch(self, delivery: Delivery, reply: Reply, now: int) -> None:
        """Raise the alarm once per message that is overdue, and keep the count of those."""
        retry = self._settings.retry
        if now - delivery.created_at >= retry.late_after_s * SECOND:
            if delivery.id not in self._late:
                log.error("delivery is late", extra=_fields(delivery, reply))
            self._late[delivery.id] = (delivery.target, now)
        # One that was not tried here for so long was delivered by another dispatcher, or replayed by a person.
        forgotten = now - round((retry.retry_after_max_s + max(retry.ladder_s)) * SECOND) - 2 * self._lease
        self._late = {key: late for key, late in self._late.items() if late[1] > forgotten}
        self._count_late(delivery.target)

    def _count_late(self, target: str) -> None:
        metrics.LATE.labels(target).set(sum(1 for name, _ in self._late.values() if name == target))


def endpoints(targets: Sequence[TargetSettings], allowed_hosts: frozenset[str]) -> dict[str, Endpoint]:
    endpoints: dict[str, Endpoint] = {}
    faults: list[str] = []
    for target in targets:
        try:
            endpoints[target.name] = Endpoint(target, allowed_hosts)
        except InvalidInputError as exc:
            faults += exc.faults
    if faults:
        raise InvalidInputError(faults)
    return endpoints


def _fields(delivery: Delivery, reply: Reply) -> dict[str, object]:
    return {
        "delivery": delivery.id,
        "ticket": delivery.ticket,
        "target": delivery.target,
        "attempts": delivery.attempts + 1,
        "status": reply.status,
        "error": reply.error,
    }
