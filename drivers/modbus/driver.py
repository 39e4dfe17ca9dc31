"""The Modbus TCP driver: devices from the inventory, profiles as data, readings and signals into the sink."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from drivers.modbus import metrics
from drivers.modbus.address import Endpoint, parse_address, parse_endpoint
from drivers.modbus.client import Connection
from drivers.modbus.decode import Decoder
from drivers.modbus.endpoint import EndpointPoller
from drivers.modbus.gather import Answer, Gatherer, batch_of
from drivers.modbus.poll import Device, ask
from drivers.modbus.schedule import Turn, phase_of
from drivers.modbus.settings import ModbusSettings
from drivers.profile import Profile
from gateway.core import inventory as core
from gateway.core.clock import SECOND, Clock
from gateway.core.errors import InvalidInputError
from gateway.core.model import Batch, Float64s
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
        self._devices, self._concentrators = _devices(inventory, profiles)
        self._endpoint_of = {device.key: e for e, behind in self._devices.items() for device in behind}
        self._pollers: dict[Endpoint, EndpointPoller] = {}
        self._stop = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def trouble(self) -> str:
        """Empty while any endpoint is connected or not known to be lost; what single ones fail is told by signals."""
        lost = bool(self._pollers) and all(poller.lost for poller in self._pollers.values())
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
            if not (poller.alone and poller.lost) or self.trouble:
                metrics.questions.labels("unheard").inc()
                return
            metrics.questions.labels("unanswered").inc()
            poller.tell_failed(device, "its endpoint cannot be reached")
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


def faults_of(inventory: core.Inventory, profiles: Registry[Profile]) -> Sequence[str]:
    """What is wrong with the Modbus devices of an inventory; connects to nothing."""
    try:
        _devices(inventory, profiles)
    except InvalidInputError as exc:
        return exc.faults
    return ()


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


def _devices(
    inventory: core.Inventory, profiles: Registry[Profile]
) -> tuple[dict[Endpoint, list[Device]], dict[Endpoint, list[int]]]:
    """(polled devices, unpolled concentrators) by endpoint."""
    polled: dict[Endpoint, list[Device]] = {}
    concentrators: dict[Endpoint, list[int]] = {}
    decoders: dict[str, Decoder] = {}
    taken: dict[tuple[Endpoint, int], str] = {}
    faults: list[str] = []
    for key in inventory.of_protocol("modbus"):
        row = inventory.device(key)
        try:
            if row.kind == core.DeviceKind.CONCENTRATOR.word and not row.profile:
                concentrators.setdefault(parse_endpoint(row.address.partition("/")[0]), []).append(key)
                continue
            endpoint, unit = parse_address(row.address)
        except ValueError as exc:
            faults.append(f"device {row.id!r}: {exc}")
            continue
        if (other := taken.setdefault((endpoint, unit), row.id)) != row.id:
            faults.append(f"device {row.id!r}: unit {unit} of {endpoint.source} is device {other!r} already")
        if not row.profile:
            faults.append(f"device {row.id!r}: profile is missing; there are: {', '.join(profiles.names())}")
            continue
        if row.profile not in decoders:
            try:
                decoders[row.profile] = Decoder(profiles.get(row.profile))
            except InvalidInputError as exc:
                faults += [f"device {row.id!r}: {fault}" for fault in exc.faults]
                continue
        decoder = decoders[row.profile]
        try:
            factors = _factors(row, decoder)
        except ValueError as exc:
            faults.append(f"device {row.id!r}: {exc}")
            continue
        polled.setdefault(endpoint, []).append(Device(key, unit, decoder, factors))
    if faults:
        raise InvalidInputError(faults)
    return polled, concentrators


def _factors(row: core.Device, decoder: Decoder) -> Float64s | None:
    factors = decoder.factors(_ratio(row, "ct_ratio"), _ratio(row, "pt_ratio"))
    return None if (factors == 1.0).all() else factors


def _ratio(row: core.Device, name: str) -> float:
    """`40` or `200/5`; 1 where nothing is written. Raises ValueError."""
    text = row.attributes.get(name, "").strip()
    if not text:
        return 1.0
    above, slash, below = text.partition("/")
    try:
        ratio = float(above) / (float(below) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0 < ratio < 1e6:
        raise ValueError(f"{name} {text!r} is not a ratio such as 40 or 200/5")
    return ratio
