"""The Modbus TCP driver: devices from the inventory, profiles as data, readings and signals into the sink."""

from __future__ import annotations

import asyncio
import functools
import logging
from contextlib import suppress

from drivers.modbus import metrics
from drivers.modbus.address import Endpoint, parse_address
from drivers.modbus.client import (
    TARGET_FAILED,
    Connection,
    ConnectionLostError,
    NoAnswerError,
    RefusedByDeviceError,
)
from drivers.modbus.decode import Decoder
from drivers.modbus.devices import devices_of
from drivers.modbus.endpoint import EndpointPoller
from drivers.modbus.gather import Answer, Gatherer, batch_of
from drivers.modbus.poll import Device, ask
from drivers.modbus.recall import Recall, TooMuchError
from drivers.modbus.schedule import Turn, phase_of
from drivers.modbus.settings import ModbusSettings
from drivers.profile import Profile
from gateway.core import inventory as core
from gateway.core.clock import SECOND, Clock
from gateway.core.errors import InvalidInputError
from gateway.core.model import Batch
from gateway.core.ports import Sink
from gateway.core.registry import Registry

log = logging.getLogger(__name__)


class ModbusDriver:
    """Polls every device of protocol `modbus`. A concentrator without a profile is not polled itself.

    Raises:
        InvalidInputError: unknown profiles, wrong addresses or ratios, a unit twice on one endpoint: all listed.
    """

    name = "modbus"

    def __init__(
        self,
        inventory: core.Inventory,
        profiles: Registry[Profile],
        settings: ModbusSettings,
        clock: Clock,
    ) -> None:
        self._inventory = inventory
        self._settings = settings
        self._clock = clock
        self._gatherer = Gatherer(window_s=settings.gather_s, max_pending=settings.max_pending)
        self._devices, self._concentrators = devices_of(inventory, profiles)
        self._endpoint_of = {device.key: e for e, behind in self._devices.items() for device in behind}
        self._pasts = {d.key: d.past for behind in self._devices.values() for d in behind if d.past}
        self._recalling: set[int] = set()
        self._pollers: dict[Endpoint, EndpointPoller] = {}
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def trouble(self) -> str:
        """Empty while any endpoint is connected or not known to be lost; what single ones fail is told by signals."""
        lost = bool(self._pollers) and all(poller.standing.lost for poller in self._pollers.values())
        return "no endpoint answers" if lost else ""

    async def run(self, sink: Sink) -> None:
        """Poll until `stop` or cancellation. What was read and not yet handed on survives a failed run."""
        self._idle.clear()
        try:
            self._pollers = {} if self._stop.is_set() else {e: self._poller(e) for e in self._devices}
            async with asyncio.TaskGroup() as group:
                group.create_task(self._gatherer.run(sink), name="modbus gather")
                async with asyncio.TaskGroup() as polling:
                    for poller in self._pollers.values():
                        polling.create_task(self._guarded(poller), name=f"modbus {poller.source}")
                if self._pollers and not self._stop.is_set():
                    raise RuntimeError("polling ended by itself")
                await self._stop.wait()  # with no device there is nothing to do, and no reason to end
                self._gatherer.finish()
        finally:
            self._idle.set()

    async def stop(self) -> None:
        """Finish the poll under way on each endpoint and hand everything on."""
        self._stop.set()
        for poller in self._pollers.values():
            poller.stop()
        await self._idle.wait()

    def can_ask(self, device: int) -> bool:
        return not self._stop.is_set() and self._endpoint_of.get(device) in self._pollers

    async def ask(self, device: int, sink: Sink) -> None:
        """Poll the device now, between the others' polls; what comes of it goes to the sink of `run`, in order.

        A reading, PING_OK (it refuses, so it lives) or TARGET_FAILED (its concentrator says so) is what it is.
        PING_FAILED is said of a device that was silent while another one behind the same endpoint was heard, and of one
        whose very own endpoint was silent or is lost while other endpoints are not. A lost connection to a concentrator
        says nothing about a single meter behind it, nor does anything while no endpoint can be reached at all: then
        nothing is put, and it is counted.
        """
        del sink  # a reading that overtook the device's earlier signals would tell another story
        poller = self._pollers.get(self._endpoint_of[device]) if device in self._endpoint_of else None
        if poller is None:
            return
        if not await poller.ask(device):
            if not (poller.standing.alone and poller.standing.lost) or self.trouble:
                metrics.questions.labels("unheard").inc()
                return
            metrics.questions.labels("unanswered").inc()
            poller.tell_failed(device, "its endpoint cannot be reached")
        await self._gatherer.handed_on()

    def can_recall(self, device: int) -> bool:
        poller = self._pollers.get(self._endpoint_of[device]) if device in self._pasts else None
        return poller is not None and poller.hears(device)

    async def recall(self, device: int, frm: int, till: int, sink: Sink) -> None:
        """Read [frm, till) out of the device's load profile, one request after another, each between polls.

        Over after `recall_longest_s` or `recall_requests` at the latest, with what came until then in the sink.
        """
        del sink  # what comes goes the way of everything that is read
        if not self.can_recall(device) or device in self._recalling or frm >= till:
            return
        poller = self._pollers[self._endpoint_of[device]]
        settings, past = self._settings, self._pasts[device]
        work = Recall(
            *(past, device, frm, till, functools.partial(poller.fetch, device)),
            requests=settings.recall_requests,
        )
        self._recalling.add(device)
        outcome = "answered"
        try:
            async with asyncio.timeout(settings.recall_longest_s):
                async for batch in work.run(self._clock.now):
                    self._gatherer.recalled(batch)
        except (TimeoutError, TooMuchError):
            outcome = "cut_short"
        except ConnectionLostError:
            outcome = "unheard"
        except NoAnswerError:
            outcome = "unanswered"
        except (RefusedByDeviceError, ValueError) as exc:
            target = isinstance(exc, RefusedByDeviceError) and exc.code in TARGET_FAILED
            outcome = "target_failed" if target else "refused"
            log.info(
                "load profile cannot be read",
                extra={"device": self._inventory.ids[device], "error": str(exc)},
            )
        finally:
            self._recalling.discard(device)
        metrics.recalls.labels(outcome).inc()
        metrics.recalled.inc(work.rows)
        await self._gatherer.handed_on()

    def interval(self, key: int) -> int:
        """µs between two polls of a device."""
        return int(self._inventory.interval_s[key]) * SECOND

    async def _guarded(self, poller: EndpointPoller) -> None:
        """A mistake of ours at one endpoint must not stop the others."""
        while not self._stop.is_set():
            try:
                # In a task of its own: before Python 3.11.4 a task group that failed leaves its task marked as being
                # cancelled, and the next timeout in that task would end it.
                await asyncio.create_task(poller.run(), name=f"modbus {poller.source}")
            except Exception:
                log.exception("polling an endpoint failed", extra={"endpoint": poller.source})
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), self._settings.max_reconnect_s)

    def _poller(self, endpoint: Endpoint) -> EndpointPoller:
        devices = self._devices[endpoint]
        turns = []
        for device in devices:
            interval = self.interval(device.key)
            phase = phase_of(f"{endpoint.source}/{device.unit}", interval)
            turns.append(Turn(key=device.key, unit=device.unit, interval=interval, phase=phase))
        keys = [device.key for device in devices]
        via = {int(self._inventory.via[key]) for key in keys} - {-1}
        witnesses = sorted({*via, *self._concentrators.get(endpoint, ()), *keys})
        return EndpointPoller(
            endpoint,
            devices,
            turns,
            witnesses,
            settings=self._settings,
            clock=self._clock,
            gatherer=self._gatherer,
        )


async def read_device(
    address: str,
    profile: Profile,
    settings: ModbusSettings,
    clock: Clock,
    *,
    device: int = 0,
    ct_ratio: float = 1.0,
    pt_ratio: float = 1.0,
) -> Batch:
    """Ask one device once, over a connection of its own: a batch of one row with the given device key.

    Raises:
        InvalidInputError: the address is none.
        ConnectionLostError, NoAnswerError, RefusedByDeviceError: what happened instead of an answer.
    """
    try:
        endpoint, unit = parse_address(address)
    except ValueError as exc:
        raise InvalidInputError([str(exc)]) from exc
    decoder = Decoder(profile)
    factors = decoder.factors(ct_ratio, pt_ratio)
    connection = await Connection.open(endpoint.host, endpoint.port, timeout_s=settings.connect_timeout_s)
    try:
        asked = await ask(connection, Device(device, unit, decoder), settings.timeout_s)
    finally:
        connection.close()
    if asked.image is None:
        assert asked.failure is not None
        raise asked.failure
    return batch_of(decoder, [Answer(device, clock.now(), asked.image, asked.missing, factors)])
