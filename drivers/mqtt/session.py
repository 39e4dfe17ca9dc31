"""One session with the broker, from connecting to being lost: received messages out, acknowledgements in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from drivers.mqtt.client import Client
from drivers.mqtt.inbox import Inbox
from drivers.mqtt.metrics import CONNECTED, CONNECTS, FAILURES, PAUSES
from drivers.mqtt.probe import Probe
from drivers.mqtt.router import Message
from drivers.mqtt.settings import MqttSettings
from gateway.core.clock import Clock
from gateway.core.errors import FeederlineError, RefusedError, UnavailableError

log = logging.getLogger(__name__)

_BURST = 256  # packets read before the rest of the program has its turn
_FAREWELL_S = 5.0


class Session:
    """Reads ahead by two lots of messages, then leaves the rest to the broker until they are taken."""

    def __init__(self, settings: MqttSettings, filters: list[tuple[str, int]], clock: Clock) -> None:
        self.over = ""  # why the session has ended
        self.error: FeederlineError = UnavailableError("the session with the MQTT broker has not ended")
        self.subscribed = False  # by the broker's word
        self.heard_from: int | None = None  # µs UTC: subscribed, or delivering what was subscribed to before
        self.ended_at = 0  # µs UTC, after everything received
        self.read = 0  # messages received
        self.safe = 0  # of these, how many are in the sink
        self._settings = settings
        self._clock = clock
        self._probe = Probe(settings)
        self._probe_topic = settings.probe_topic.encode()
        self._filters = [*filters, (settings.probe_topic, 0)] if settings.probe_s else filters
        self._client = Client(settings, self)
        self._loop = asyncio.get_running_loop()
        self._descriptor = -1
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._publishing: dict[int, asyncio.Future[None]] = {}
        self._closed = asyncio.Event()
        self._begun = asyncio.Event()  # or over, or finished
        self._inbox = Inbox(settings.batch_messages, settings.batch_ms / 1000)
        self._received_at = 0
        self._settling = False
        self._settled = asyncio.Event()
        self._greeted_at = 0.0  # loop time
        self._asked_at = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and ask for the subscriptions; messages may come before the broker's answer to that.

        Raises:
            UnavailableError: nobody answers, or not in time.
            RefusedError: credentials or certificate were refused.
        """
        connecting = asyncio.ensure_future(asyncio.to_thread(self._client.open))
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_forget)
            raise
        try:
            self._descriptor = self._client.attach()
            self._loop.add_reader(self._descriptor, self._readable)
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._connected
            self._client.ask(self._filters)
        except TimeoutError as exc:
            self.abort()
            raise self._no_answer() from exc
        except BaseException:
            self.abort()
            raise
        self._greeted_at = self._asked_at = self._loop.time()
        self._probe.start(self._asked_at)
        self._watch = self._loop.create_task(self._watching(), name=f"mqtt-watch:{self._settings.name}")

    def _no_answer(self) -> UnavailableError:
        settings = self._settings
        return UnavailableError(
            f"the MQTT broker at {settings.host}:{settings.port} accepted the connection and then said nothing "
            f"for {settings.connect_timeout_s:g} s"
        )

    # -- messages -----------------------------------------------------------------------------------------------

    @property
    def proven(self) -> bool:
        """Something came back through it."""
        return self._probe.proven

    async def begin(self) -> int | None:
        """When it began to be heard, µs UTC, as soon as that is known; None when it is over or finished before that."""
        await self._begun.wait()
        return self.heard_from

    async def take(self) -> list[Message]:
        """The next lot of messages in order of arrival; empty when there will be none any more."""
        lot = await self._inbox.take()
        if self._client.halted and not self._inbox.closed and not self._inbox.is_full:
            self._client.halted = False
            self._client.forgive()
            self._asked_at = self._loop.time()
            self._probe.start(self._asked_at)
            self._loop.add_reader(self._descriptor, self._readable)
            self._loop.call_soon(self._readable)
        return lot

    @property
    def paused(self) -> bool:
        """What comes is left to the broker at present."""
        return self._client.halted

    @property
    def backlog(self) -> int:
        return len(self._inbox)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these are safe. Does nothing on a lost session: it will send them again."""
        self.safe += len(messages)
        if self.over:
            return
        confirm = self._client.confirm
        for message in messages:
            if message.qos:
                confirm(message.mid, message.qos)

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Raises UnavailableError when the broker did not confirm, RefusedError when it said no."""
        if self.over:
            raise self.error
        mid = self._client.publish(topic, payload, qos).mid
        if qos == 0:
            return
        done = self._publishing[mid] = self._loop.create_future()
        try:
            await done
        finally:
            self._publishing.pop(mid, None)

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Read nothing more; `take` gives what was read and then nothing."""
        self._halt()
        self._inbox.close()
        self._begun.set()

    async def settle(self) -> None:
        """Return when the broker has read our acknowledgements; what it sends meanwhile is left to it, QoS 0 is kept.

        A socket closed over unread messages is reset, and a reset takes the acknowledgements with it.
        """
        if self.over:
            return
        self._settling = True
        self._client.halted = False
        self._client.greet()
        self._loop.add_reader(self._descriptor, self._readable)
        self._loop.call_soon(self._readable)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._settled.wait()

    async def close(self) -> None:
        """Send DISCONNECT. The broker keeps the session and what comes meanwhile."""
        if not self.over:
            self._client.disconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._closed.wait()
        self.abort()

    def abort(self) -> None:
        """Drop the connection as a crash would; what was not acknowledged comes again."""
        self.lost("closed by us")
        self._client.abort()
        if self._watch is not None:
            self._watch.cancel()

    # -- what the client tells ------------------------------------------------------------------------------------

    def connected(self, error: FeederlineError | None) -> None:
        if self._connected.done():
            return
        if error is None:
            self._connected.set_result(None)
        else:
            self._connected.set_exception(error)

    def granted(self, refused: list[str], lowered: list[str]) -> None:
        if lowered:
            log.warning(
                "broker grants a lower quality of service; messages may be lost at a crash",
                extra={"broker": self._settings.name, "topics": lowered},
            )
        if refused:
            self._end(
                RefusedError(
                    f"the MQTT broker refuses subscriptions to {', '.join(refused)}; allow them for "
                    f"{self._settings.username or 'anonymous clients'}"
                )
            )
            self._loop.call_soon(self._client.abort)  # paho must not be closed from within its callback
            return
        self.subscribed = True
        self._heard(self._clock.now())
        CONNECTS.labels(self._settings.name).inc()
        CONNECTED.labels(self._settings.name).set(1)
        log.info("subscribed", extra={"broker": self._settings.name, "url": self._settings.url})

    def received(
        self, topic: bytes, payload: bytes, mid: int, qos: int, *, retained: bool, redelivered: bool
    ) -> None:
        loop_time = self._loop.time()
        self._probe.heard(loop_time)
        if topic == self._probe_topic:
            if qos:
                self._client.confirm(mid, qos)
            return
        if self._settling and qos:
            return
        now = self._clock.now()
        self._heard(now)
        # no two messages share a time: it may become a reading's own
        self._received_at = max(self._received_at + 1, now)
        message = Message(topic, payload, mid, qos, retained, self._received_at, redelivered)
        self._inbox.add(message, loop_time)
        self.read += 1
        if self._inbox.is_full and not self._settling:
            PAUSES.labels(self._settings.name).inc()
            self._halt()

    def published(self, mid: int, refusal: str) -> None:
        done = self._publishing.get(mid)
        if done is None or done.done():
            return
        if refusal:
            done.set_exception(RefusedError(f"the MQTT broker refused the message: {refusal}"))
        else:
            done.set_result(None)

    def answered(self) -> None:
        if self._settling:
            self._settled.set()

    def wants_write(self, descriptor: int, wanted: bool) -> None:
        if wanted:
            self._loop.add_writer(descriptor, self._client.loop_write)
        else:
            self._loop.remove_writer(descriptor)

    def closing(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        self._closed.set()

    def lost(self, reason: str) -> None:
        self._end(UnavailableError(f"the connection to the MQTT broker was lost: {reason}"))

    def _heard(self, now: int) -> None:
        if self.heard_from is None:
            self.heard_from = now
            self._begun.set()

    def _end(self, error: FeederlineError) -> None:
        if self.over:
            return
        self.ended_at = max(self._received_at + 1, self._clock.now())
        self.over, self.error = str(error), error
        for waiting in (self._connected, *self._publishing.values()):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # not everyone of them is awaited
        self._inbox.close()
        self._settled.set()
        self._begun.set()

    # -- reading and watching -------------------------------------------------------------------------------------

    def _halt(self) -> None:
        self._client.halted = True
        if not self.over:  # the number may already be another socket's
            self._loop.remove_reader(self._descriptor)

    def _readable(self) -> None:
        if self._client.read(_BURST) and not self._client.halted:
            self._loop.call_soon(self._readable)

    async def _watching(self) -> None:
        """Keep the session alive, and end it when it is silent."""
        settings = self._settings
        pause_s = min(1.0, settings.keepalive_s / 4, settings.probe_timeout_s / 4)
        while not self.over:
            now = self._loop.time()
            if self._client.halted:
                if now - self._greeted_at >= settings.keepalive_s / 2:
                    self._client.greet()
                    self._greeted_at = now
            else:
                self._client.loop_misc()
                if self.subscribed:
                    self._ask_back(now)
                elif now - self._asked_at >= settings.connect_timeout_s:
                    self._end(self._no_answer())
                    self._client.abort()
            await asyncio.sleep(pause_s)

    def _ask_back(self, now: float) -> None:
        """A message to ourselves when it is time for one; the session ends when it does not come back."""
        try:
            if not self.over and self._probe.due(now):
                self._client.publish(self._settings.probe_topic, b"", 0)
        except UnavailableError as exc:
            FAILURES.labels(self._settings.name, "silent").inc()
            self._end(exc)
            self._client.abort()


def _forget(connecting: asyncio.Future[None]) -> None:
    if not connecting.cancelled():
        connecting.exception()  # retrieved, so that nobody reports it as missed
