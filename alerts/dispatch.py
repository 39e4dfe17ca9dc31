"""Gets a target's messages out of the outbox: in parallel, in order per ticket, again until accepted."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from alerts import metrics
from alerts.breaker import Breaker
from alerts.exchange import Reply
from alerts.pace import Pace
from alerts.retry import next_try_at, speaks_for_the_target
from alerts.settings import AlertSettings
from alerts.targets import TargetSettings
from alerts.webhook import Endpoint, open_session
from gateway.core.backoff import Backoff
from gateway.core.clock import SECOND, Clock
from gateway.core.errors import UnavailableError
from gateway.core.ports import Outbox
from gateway.core.ticket import Delivery

log = logging.getLogger(__name__)

_LEASE_MARGIN_S = 10
_LONGEST_PAUSE_S = 30.0

T = TypeVar("T")


class Dispatcher:
    """Claims one target's due deliveries, sends them, and writes down how it went.

    Any number of dispatchers, in any number of processes, may work for a target: the outbox gives each message to
    one of them. A delivery whose outcome could not be written down before its lease ended is sent again, under the
    same webhook-id.
    """

    def __init__(
        self,
        outbox: Outbox,
        target: TargetSettings,
        clock: Clock,
        settings: AlertSettings,
        *,
        chance: random.Random | None = None,
    ) -> None:
        """`outbox` gives messages for this target only.

        Raises InvalidInputError listing every secret, certificate or host of the target that cannot be used.
        """
        self._outbox = outbox
        self._target = target.name
        self._clock = clock
        self._settings = settings
        self._chance = chance or random.Random()
        self._endpoint = Endpoint(target, settings.allowed_hosts, clock)
        self._breaker = Breaker(settings.breaker)
        self._pace = Pace(target.rate_per_s, at=clock.now())
        self._paused_until = 0  # by a 429
        self._put_off_until = 0  # by Retry-After of any kind
        self._lease = round((target.timeout_s + _LEASE_MARGIN_S) * SECOND)

    async def run(self) -> None:
        """Run until cancelled; messages under way then get a short grace, after which their lease runs out."""
        sending: set[asyncio.Task[None]] = set()
        added: asyncio.Task[None] | None = None
        concurrency = self._settings.concurrency
        async with open_session(concurrency) as session, asyncio.TaskGroup() as tasks:
            try:
                while True:
                    if room := self._room(concurrency - len(sending), under_way=len(sending)):
                        for delivery in await self._claim(room):
                            self._pace.spend(1)
                            task = tasks.create_task(
                                self._deliver(session, delivery), name=f"send {delivery.id}"
                            )
                            sending.add(task)
                    if added is None or added.done():
                        added = tasks.create_task(self._more(), name="watch outbox")
                    waited = sending if len(sending) >= concurrency else {*sending, added}
                    await asyncio.wait(waited, timeout=self._pause_s(), return_when=asyncio.FIRST_COMPLETED)
                    sending = {task for task in sending if not task.done()}
            except asyncio.CancelledError:
                if sending:
                    await asyncio.wait(sending, timeout=self._settings.grace_s)
                raise

    def _room(self, wanted: int, *, under_way: int) -> int:
        """How many more messages may be taken up now."""
        now = self._clock.now()
        if now < self._paused_until:
            return 0
        return self._pace.room(self._breaker.room(wanted, under_way=under_way, at=now), at=now)

    def _pause_s(self) -> float:
        """How long to wait, when nothing happens, before looking for messages again."""
        now = self._clock.now()
        opens_at = max(self._paused_until, self._breaker.tries_at or 0, self._pace.next_at)
        return (
            min(self._settings.idle_s, (opens_at - now) / SECOND) if opens_at > now else self._settings.idle_s
        )

    async def _claim(self, limit: int) -> list[Delivery]:
        return await self._patiently(
            lambda: self._outbox.claim(at=self._clock.now(), lease=self._lease, limit=limit)
        )

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        backoff = Backoff(base_s=self._settings.unavailable_s, cap_s=_LONGEST_PAUSE_S, rng=self._chance)
        while True:
            try:
                return await work()
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
        began, counted = self._clock.now(), time.monotonic()
        reply = await self._endpoint.send(session, delivery)
        metrics.TRY_SECONDS.labels(self._target).observe(time.monotonic() - counted)
        back = self._learn(reply, began)
        while True:
            try:
                await self._settle(delivery, reply)
                if back:
                    await self._outbox.hurry(self._target, at=self._clock.now())
                return
            except UnavailableError as exc:
                metrics.OUTBOX_FAULTS.inc()
                error = str(exc)
            if self._clock.now() >= began + self._lease:  # it is another dispatcher's by now
                log.warning(
                    "outcome of a delivery could not be written; it will be sent again",
                    extra={"delivery": delivery.id, "target": self._target, "error": error},
                )
                return
            await asyncio.sleep(self._settings.unavailable_s)

    def _learn(self, reply: Reply, began: int) -> bool:
        """What a try says about the target. True when it answers again and what waits for it need not wait longer."""
        now = self._clock.now()
        if not speaks_for_the_target(reply):
            over = self._breaker.succeeded()
            if over:
                log.info("target answers again", extra={"target": self._target})
            metrics.LEFT_ALONE.labels(self._target).set(0)
            return over and reply.accepted and now >= self._put_off_until
        if self._breaker.failed(began=began, at=now):
            metrics.LEFT_ALONE.labels(self._target).set(1)
            log.warning(
                "target fails; it is left alone but for single messages that try it",
                extra={"target": self._target, "failures": self._breaker.failures, "error": reply.error},
            )
        return False

    async def _settle(self, delivery: Delivery, reply: Reply) -> None:
        now = self._clock.now()
        if reply.accepted:
            await self._outbox.delivered(
                delivery, at=now, status=reply.status or 0, reference=reply.reference
            )
            metrics.DELAY_SECONDS.labels(self._target).observe(max(0, now - delivery.created_at) / SECOND)
            metrics.TRIES.labels(self._target, "delivered").inc()
            return
        if reply.gone:
            await self._outbox.disable(self._target, at=now, reason=reply.error)
            metrics.DISABLED.labels(self._target).set(1)
            log.error(
                "target wants no more messages; it is disabled until a person enables it",
                extra={"target": self._target, "error": reply.error},
            )
        next_at = None if reply.gone else self._next_try_at(delivery, reply, now)
        await self._outbox.failed(delivery, at=now, next_at=next_at, error=reply.error)
        if next_at is None:
            log.error("delivery given up; it is among the dead letters", extra=_fields(delivery, reply))
            metrics.TRIES.labels(self._target, "dead").inc()
            return
        metrics.TRIES.labels(self._target, "retry").inc()
        if delivery.attempts == delivery.attempts_before:
            log.warning("delivery failed; it is tried again", extra=_fields(delivery, reply))

    def _next_try_at(self, delivery: Delivery, reply: Reply, now: int) -> int | None:
        next_at = next_try_at(
            delivery,
            self._settings.retry,
            now=now,
            retry_after=reply.retry_after,
            chance=self._chance.random(),
        )
        if reply.status == 429:
            self._paused_until = max(self._paused_until, next_at or 0)
        if reply.retry_after is not None:
            self._put_off_until = max(self._put_off_until, next_at or 0)
        return next_at


def _fields(delivery: Delivery, reply: Reply) -> dict[str, object]:
    return {
        "delivery": delivery.id,
        "subject": delivery.subject,
        "target": delivery.target,
        "attempts": delivery.attempts + 1,
        "status": reply.status,
        "error": reply.error,
    }
