"""The MQTT driver: sessions one after the other, messages to entries, entries to the sink, then the acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random

from drivers.mqtt.asking import Asking
from drivers.mqtt.commands import Numbers, RecallSettings
from drivers.mqtt.metrics import CONNECTED, FAILURES, MESSAGES, QUESTIONS, RECALLED, RECALLS
from drivers.mqtt.recalling import Recall, Recalls
from drivers.mqtt.router import Router, device_names, whereabouts
from drivers.mqtt.session import Session
from drivers.mqtt.settings import MqttSettings
from drivers.mqtt.topics import TopicTemplate
from gateway.core.clock import Clock
from gateway.core.errors import FeederlineError, RefusedError, UnavailableError
from gateway.core.inventory import Inventory
from gateway.core.model import GATEWAY, Signal, SignalKind
from gateway.core.ports import Sink

log = logging.getLogger(__name__)

_RETRY_MIN_S = 0.25


class MqttDriver:
    """Reads one broker. Everything read goes into the sink, and is acknowledged only after that."""

    def __init__(self, inventory: Inventory, settings: MqttSettings, clock: Clock) -> None:
        """Raises InvalidInputError when two MQTT devices share an address, one can be no level of a topic, or says
        something unknown of its load profile."""
        self.name = f"mqtt:{settings.name}"
        self._settings = settings
        self._clock = clock
        self._filters: list[tuple[str, int]] = [
            (TopicTemplate.parse(s.topic).filter, s.qos) for s in settings.heard
        ]
        names = device_names(inventory)
        self._router = Router(
            names.get,
            [(s.topic, s.mapping) for s in settings.heard],
            name=settings.name,
            max_payload_bytes=settings.max_payload_bytes,
            max_future_s=settings.max_future_s,
            explain=functools.partial(whereabouts, inventory),
            codes=settings.event_codes,
        )
        numbers = Numbers()
        self._asking = Asking(names, settings.ask, len(inventory), numbers)
        self._recalls = Recalls(inventory, names, settings.recall, numbers)
        self._moved = (
            asyncio.Event()
        )  # something more is in the sink, or the session is over; made anew each time
        self._session: Session | None = None
        self._hears: bool | None = None  # as last told; None before anything was
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def trouble(self) -> str:
        """Empty while a subscribed session stands."""
        return "" if self._session is not None else "no session with the broker"

    async def run(self, sink: Sink) -> None:
        """Until `stop` or cancellation. Raises what the sink raises, and InvalidInputError for unusable secrets."""
        self._idle.clear()
        failures = 0
        complaint = ""
        try:
            while not self._stopping.is_set():
                session = Session(self._settings, self._filters, self._clock)
                try:
                    trouble = await self._one_session(session, sink)
                finally:
                    self._session = None
                    self._move()
                    self._recalls.disturb()
                    CONNECTED.labels(self._settings.name).set(0)
                    session.abort()
                if not self._stopping.is_set():
                    if self._hears is None:  # nobody can be heard from the very start
                        await self._tell(SignalKind.CONNECTION_LOST, self._clock.now(), sink, str(trouble))
                    failures = 0 if session.proven else failures + 1
                    quiet = str(trouble) == complaint and not session.proven
                    await self._wait_after(trouble, failures, quiet=quiet)
                    complaint = str(trouble)
        finally:
            self._idle.set()

    async def _one_session(self, session: Session, sink: Sink) -> FeederlineError:
        """Returns why it ended; what the sink raises is not the broker's fault and goes up."""
        try:
            await session.open()
        except (UnavailableError, RefusedError) as exc:
            return exc
        self._session = session
        await self._serve(session, sink)
        return session.error

    async def _serve(self, session: Session, sink: Sink) -> None:
        if self._stopping.is_set():
            session.finish()
        heard_from = await session.begin()
        if heard_from is not None:
            await self._tell(SignalKind.CONNECTION_MADE, heard_from, sink)
        await self._drain(session, sink)
        if self._stopping.is_set():
            await session.settle()
            await self._drain(session, sink)
            await session.close()
        elif heard_from is not None:
            await self._tell(SignalKind.CONNECTION_LOST, session.ended_at, sink, session.over)

    async def _tell(self, kind: SignalKind, at: int, sink: Sink, detail: str = "") -> None:
        """The gateway's own account of whether it can hear: silence means nothing while it cannot."""
        signal = Signal(kind=kind, device=GATEWAY, received_at=at, source=self.name, detail=detail)
        await sink.put([signal])
        self._hears = kind is SignalKind.CONNECTION_MADE

    async def _drain(self, session: Session, sink: Sink) -> None:
        while messages := await session.take():
            entries = self._router.entries(messages)
            await sink.put(entries)
            session.acknowledge(messages)
            MESSAGES.labels(self._settings.name).inc(len(messages))
            self._asking.heed(entries)
            self._recalls.heed(entries)
            self._move()

    async def _wait_after(self, exc: FeederlineError, failures: int, *, quiet: bool) -> None:
        """Jittered, doubling, capped; slow from the start where the broker said no."""
        settings = self._settings
        refused = isinstance(exc, RefusedError)
        FAILURES.labels(settings.name, "refused" if refused else "unavailable").inc()
        ceiling = min(settings.retry_max_s, _RETRY_MIN_S * 2 ** min(failures, 20))
        delay_s = (settings.refused_retry_s if refused else ceiling) * random.uniform(0.5, 1.0)
        level = logging.DEBUG if quiet else logging.ERROR if refused else logging.WARNING
        log.log(
            level,
            "no session with the MQTT broker; trying again",
            extra={"broker": settings.name, "error": str(exc), "retry_s": round(delay_s, 2)},
        )
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Read nothing new, put and acknowledge what was read, disconnect; the broker keeps the session.

        Subscriptions stay: what is published while the gateway is away is delivered when it is back.
        """
        self._stopping.set()
        if self._session is not None:
            self._session.finish()
        await self._idle.wait()

    @property
    def connected(self) -> bool:
        """Subscribed, in a session that is not known to be lost."""
        return self._session is not None and self._session.subscribed and not self._session.over

    @property
    def backlog(self) -> int:
        """Messages received and not yet given to the sink."""
        return self._session.backlog if self._session is not None else 0

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Send a message to a device; returns when the broker has confirmed it (QoS 1) or it is sent (QoS 0).

        Raises:
            ValueError: another QoS, or a topic with wildcards.  UnavailableError: not connected, or the connection was
            lost before the confirmation; the message may have arrived.  RefusedError: not allowed.
        """
        if qos not in (0, 1):
            raise ValueError(f"QoS {qos}: commands are sent with 0 or 1")
        if self._session is None:
            raise UnavailableError("not connected to the MQTT broker")
        await self._session.publish(topic, payload, qos)

    # -- asking -----------------------------------------------------------------------------------------------------

    def can_ask(self, device: int) -> bool:
        return self.connected and self._asking.reaches(device)

    def heard_at(self, device: int) -> int:
        """When something last came from the device through this broker, µs UTC; 0 for never."""
        return int(self._asking.heard_at[device]) if 0 <= device < len(self._asking.heard_at) else 0

    async def ask(self, device: int, sink: Sink) -> None:
        """Send the command `ask`; whatever comes from the device afterwards is its answer, and goes its usual way.

        PING_FAILED is put when nothing came in `answer_s` and it could have been heard. While we are deaf ourselves
        (no session, or not the same one all the time, or reading was paused because the sink is behind) the silence
        of a device says nothing, so nothing is put, and it is counted.
        """
        if not self.can_ask(device) or self._asking.is_open(device):
            return
        session, settings = self._session, self._settings.ask
        assert session is not None
        assert settings is not None
        now = self._clock.now()
        answered = self._asking.open(device, now)
        topic, payload = self._asking.command(device, now)
        outcome = "unheard"
        try:
            async with asyncio.timeout(settings.answer_s):
                await session.publish(topic, payload, settings.qos)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.answer_s):
                    await answered.wait()
            heard = answered.is_set() or await self._heard_out(session)
            if answered.is_set():
                outcome = "answered"
            elif heard:
                outcome = "unanswered"
                await self._tell_failed(device, sink, f"no answer in {settings.answer_s:g} s")
        except (UnavailableError, TimeoutError):
            pass  # the question never got to the broker
        except RefusedError as exc:
            outcome = "refused"
            log.warning(
                "command to a device refused", extra={"broker": self._settings.name, "error": str(exc)}
            )
        finally:
            self._asking.close(device)
        QUESTIONS.labels(self._settings.name, outcome).inc()

    async def _heard_out(self, session: Session) -> bool:
        """Return when all that was received until now is in the sink; False where more may have come in time."""
        goal, deaf = session.read, session.paused
        while session.safe < goal and self._session is session:
            await self._moved.wait()
        return self._session is session and self.connected and not deaf

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _tell_failed(self, device: int, sink: Sink, detail: str) -> None:
        kind, now = SignalKind.PING_FAILED, self._clock.now()
        await sink.put([Signal(kind=kind, device=device, received_at=now, source=self.name, detail=detail)])

    # -- load profiles ----------------------------------------------------------------------------------------------

    def can_recall(self, device: int) -> bool:
        return self.connected and self._recalls.reaches(device)

    async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
        """Send the command `recall`; what comes of it goes its usual way, under the times it was measured at.

        Over when everything came so far is in the sink and nothing of [frm, till) followed for `quiet_s`, when nothing
        came at all in `answer_s`, after `longest_s`, or when the session is lost.
        """
        del sink  # what comes goes the way of everything that is received
        if not self.can_recall(device) or self._recalls.is_open(device) or frm >= till:
            return
        session, settings = self._session, self._recalls.settings
        assert session is not None
        assert isinstance(settings, RecallSettings)
        recall, topic, payload = self._recalls.open(device, frm, till, self._clock.now())
        outcome = "unheard"
        try:
            async with asyncio.timeout(settings.answer_s):
                await session.publish(topic, payload, settings.qos)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.longest_s):
                    await self._come(recall, session, settings)
            heard = await self._heard_out(session)
            outcome = "answered" if recall.rows else "unanswered" if heard else "unheard"
        except (UnavailableError, TimeoutError):
            pass  # the command never got to the broker
        except RefusedError as exc:
            outcome = "refused"
            log.warning(
                "command to a device refused", extra={"broker": self._settings.name, "error": str(exc)}
            )
        finally:
            self._recalls.close(device)
        RECALLS.labels(self._settings.name, outcome).inc()
        RECALLED.labels(self._settings.name).inc(recall.rows)

    async def _come(self, recall: Recall, session: Session, settings: RecallSettings) -> None:
        """Return when nothing of it has come for a while, or can come any more."""
        patience = settings.answer_s
        while self._session is session and self.connected:
            recall.came.clear()
            try:
                async with asyncio.timeout(patience):
                    await recall.came.wait()
            except TimeoutError:
                return
            patience = settings.quiet_s
