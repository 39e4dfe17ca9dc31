"""Everything behind one host and port: its connection, its devices in turn, and what their silence means.

Each endpoint is a task of its own and shares nothing with the others but the gatherer, so an endpoint that hangs
while connecting delays nobody else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from drivers.modbus import address, metrics
from drivers.modbus.client import (
    TARGET_FAILED,
    Connection,
    ConnectionLostError,
    NoAnswerError,
    RefusedByDeviceError,
)
from drivers.modbus.fetches import Fetch, Fetches
from drivers.modbus.gather import Answer, Gatherer
from drivers.modbus.plan import Read
from drivers.modbus.poll import Asked, Device, ask
from drivers.modbus.questions import Questions, verdict
from drivers.modbus.schedule import Schedule, Turn
from drivers.modbus.settings import ModbusSettings
from drivers.modbus.standing import Standing
from gateway.core.clock import SECOND, Clock
from gateway.core.model import SignalKind

log = logging.getLogger(__name__)

_LONGEST_REST_S = 10.0  # so that a clock that was put back is noticed

_outcome = {
    name: metrics.polls.labels(name)
    for name in ("complete", "partial", "no_answer", "target_failed", "refused", "connection_lost")
}


class EndpointPoller:
    """Polls the devices of one endpoint. `witnesses` are all keys that a lost connection concerns."""

    def __init__(
        self,
        endpoint: address.Endpoint,
        devices: Sequence[Device],
        turns: Sequence[Turn],
        witnesses: Sequence[int],
        *,
        settings: ModbusSettings,
        clock: Clock,
        gatherer: Gatherer,
    ) -> None:
        self._endpoint = endpoint
        self._devices = {device.key: device for device in devices}
        self._settings = settings
        self._clock = clock
        self._gatherer = gatherer
        self.source = endpoint.source
        self.standing = Standing(endpoint.source, witnesses, gatherer)
        self._turns = tuple(turns)
        self._schedule = self._fresh_schedule()
        self._silent = 0  # polls without any answer in a row
        self._questions = Questions()
        self._fetches = Fetches()
        self._running = False
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._opening: asyncio.Task[Connection] | None = None

    async def run(self) -> None:
        """Poll until `stop`: connect when a device is due, and again, with growing waits, when that fails."""
        self._schedule = self._fresh_schedule()
        self._running = True
        try:
            await self._sessions()
        finally:
            self._running = False
            self._dismiss("polling has ended")

    async def ask(self, key: int) -> bool:
        """Ask a device now, between polls; returns when what came of it is with the gatherer.

        False, with nothing said, when there is no line to ask it over. Nobody waits for a lost one to come back.
        """
        if not self._open_for_others:
            return False
        self._wake.set()
        return await self._questions.put(key)

    async def fetch(self, key: int, read: Read) -> bytes:
        """Send one request to a device between polls, and after every question.

        Raises NoAnswerError, RefusedByDeviceError, ConnectionLostError.
        """
        if not self._open_for_others:
            raise ConnectionLostError("there is no line")
        self._wake.set()
        return await self._fetches.put(key, read)

    def hears(self, key: int) -> bool:
        """The device was heard when it was last asked, and the line stands."""
        return self._open_for_others and key in self.standing.heard

    @property
    def _open_for_others(self) -> bool:
        return self._running and not self.standing.lost and not self._stop.is_set()

    def _dismiss(self, why: str) -> None:
        self._questions.dismiss()
        self._fetches.dismiss(why)

    def tell_failed(self, key: int, detail: str) -> None:
        self.standing.tell(SignalKind.PING_FAILED, (key,), self._clock.now(), detail)

    async def _sessions(self) -> None:
        failures = 0
        while await self._until_due():
            try:
                sound = await self._session()
            except ConnectionLostError as exc:
                sound = False
                metrics.connects.labels("failed").inc()
                self._lost(str(exc))
            failures = 0 if sound else failures + 1
            if failures:
                wait = min(
                    self._settings.reconnect_s * 2 ** min(failures - 1, 30), self._settings.max_reconnect_s
                )
                await self._rest(wait * random.uniform(0.5, 1.0))

    def stop(self) -> None:
        """Finish the polls under way and let `run` return."""
        self._stop.set()
        self._wake.set()
        if self._opening is not None:
            self._opening.cancel()

    async def _session(self) -> bool:
        """One connection from start to end; False when the other side ended it before it gave any answer."""
        connection = await self._open()
        if connection is None:
            return True
        metrics.connects.labels("made").inc()
        metrics.connections.inc()
        self._silent = 0
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(self._settings.in_flight, len(self._devices))):
                    workers.create_task(self._work(connection), name=self.source)
            ended_by_them = connection.closed
        finally:
            connection.close()
            metrics.connections.dec()
        if ended_by_them and not connection.proven:
            self._lost("closed before any answer")
            return False
        return True

    async def _open(self) -> Connection | None:
        """A new connection; None when stopped meanwhile. Raises ConnectionLostError."""
        if self._stop.is_set():
            return None
        self._opening = opening = asyncio.create_task(
            Connection.open(
                self._endpoint.host,
                self._endpoint.port,
                timeout_s=self._settings.connect_timeout_s,
                max_strays=self._settings.max_strays,
                on_close=self._wake,
            ),
            name=f"connect {self.source}",
        )
        try:
            await asyncio.wait({opening})
        finally:
            opening.cancel()
            self._opening = None
        return None if opening.cancelled() else opening.result()

    async def _work(self, connection: Connection) -> None:
        while True:
            await self._gatherer.room()
            if self._stop.is_set() or connection.closed or self._silent >= self._settings.recycle_after:
                return
            now, next_poll = self._clock.now(), self._schedule.next_at()
            if (key := self._questions.take(now, next_poll)) is not None:
                await self._answer(connection, key, now)
            elif (fetch := self._fetches.take(now, next_poll)) is not None:
                await self._fetch(connection, fetch, now)
            elif (turn := self._schedule.take(now)) is not None:
                await self._poll(connection, turn)
            else:
                await self._until_due(connection)
                continue
            if self._settings.pause_s:
                await asyncio.sleep(self._settings.pause_s)

    async def _poll(self, connection: Connection, turn: Turn) -> None:
        device = self._devices[turn.key]
        try:
            asked = await ask(connection, device, self._settings.timeout_s)
        except ConnectionLostError:
            self._schedule.interrupted(turn, self._clock.now())
            _outcome["connection_lost"].inc()
            return
        now = self._clock.now()
        answered = asked.image is not None
        self._take(connection, device, asked, now)
        if answered:
            _outcome["partial" if asked.missing else "complete"].inc()
        elif isinstance(asked.failure, NoAnswerError):
            self.standing.tell(SignalKind.NO_ANSWER, (turn.key,), now)
            _outcome["no_answer"].inc()
        elif isinstance(asked.failure, RefusedByDeviceError) and asked.failure.code in TARGET_FAILED:
            self.standing.tell(SignalKind.TARGET_FAILED, (turn.key,), now, str(asked.failure))
            _outcome["target_failed"].inc()
        else:
            answered = True  # it lives, though it does not give what its profile says
            log.info(
                "device refuses what its profile asks for",
                extra={"endpoint": self.source, "unit": turn.unit, "error": str(asked.failure)},
            )
            _outcome["refused"].inc()
        self._silent = self._silent + 1 if isinstance(asked.failure, NoAnswerError) else 0
        skipped = self._schedule.done(turn, now, answered=answered, jitter=random.random())
        if skipped:
            metrics.skipped.inc(skipped)

    async def _answer(self, connection: Connection, key: int, began: int) -> None:
        """A poll out of turn, which neither the schedule nor the count of silent polls learns of."""
        device = self._devices[key]
        try:
            asked = await ask(connection, device, self._settings.timeout_s)
        except ConnectionLostError:
            self._questions.interrupted(key)
            return
        now = self._clock.now()
        self._take(connection, device, asked, now)
        outcome, kind = verdict(asked, path_lives=self.standing.path_lives(key))
        if kind is not None:
            self.standing.tell(kind, (key,), now, str(asked.failure))
        metrics.questions.labels(outcome).inc()
        self._questions.done(key, began, now)

    async def _fetch(self, connection: Connection, fetch: Fetch, began: int) -> None:
        """Neither the schedule nor anybody else learns of it: a recall is about the past."""
        unit = self._devices[fetch.key].unit
        try:
            fetch.answer(await connection.read(unit, fetch.read, self._settings.timeout_s))
        except (NoAnswerError, RefusedByDeviceError, ConnectionLostError) as exc:
            fetch.fail(exc)
        self._fetches.done(fetch, began, self._clock.now())

    def _take(self, connection: Connection, device: Device, asked: Asked, now: int) -> None:
        """Keep what came, and learn from whether anything came."""
        if connection.proven and not self.standing.up:
            self._made(now)
        if asked.image is not None:
            answer = Answer(device.key, now, asked.image, asked.missing, device.factors)
            self._gatherer.add(device.decoder, answer)
            for told in device.alarms.look(asked.image, asked.done):
                self.standing.tell(SignalKind.METER_EVENT, (device.key,), now, told)
        if isinstance(asked.failure, NoAnswerError):
            self.standing.heard.discard(device.key)
        else:
            self.standing.heard.add(device.key)

    def _made(self, now: int) -> None:
        """An answer proves the connection. What was learnt before it was lost may no longer hold."""
        if self.standing.lost:
            self._schedule.forgive(now)
            for device in self._devices.values():
                device.forget()
        self.standing.made(now)

    def _lost(self, detail: str) -> None:
        self._dismiss(detail)
        self.standing.ended(self._clock.now(), detail)

    def _fresh_schedule(self) -> Schedule:
        return Schedule(
            self._turns,
            self._clock.now(),
            breaker_after=self._settings.breaker_after,
            max_backoff_s=self._settings.max_backoff_s,
        )

    async def _until_due(self, connection: Connection | None = None) -> bool:
        """Sleep until a turn is due or somebody asks; False when stopped. Ends early when the connection does."""
        while not self._stop.is_set() and (connection is None or not connection.closed):
            now = self._clock.now()
            poll = self._schedule.next_at()
            times = (poll, self._questions.next_at(now, poll), self._fetches.next_at(now, poll))
            at = min((at for at in times if at is not None), default=None)
            wait = _LONGEST_REST_S if at is None else (at - now) / SECOND
            if wait <= 0:
                return True
            await self._rest(min(wait, _LONGEST_REST_S))
            self._schedule.heed(self._clock.now())
        return not self._stop.is_set()

    async def _rest(self, seconds: float) -> None:
        """Sleep, but wake on `stop` and at the end of the connection."""
        if self._stop.is_set():
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
