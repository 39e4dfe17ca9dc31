"""Asking one device for everything its profile wants, and learning what it refuses."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from drivers.modbus import metrics
from drivers.modbus.alarms import Watch
from drivers.modbus.client import (
    NOT_AS_ASKED,
    TARGET_FAILED,
    Connection,
    NoAnswerError,
    RefusedByDeviceError,
)
from drivers.modbus.decode import Decoder
from drivers.modbus.plan import Read, split
from drivers.modbus.ring import Ring
from gateway.core.model import Float64s


class Past(NamedTuple):
    """A device's load profile.  factors: float64[k] of the ring's columns."""

    ring: Ring
    factors: Float64s


class Device:
    """One polled device. `reads` starts as the profile's plan and becomes what the device accepts.

    past: where it keeps its load profile, if it does.
    """

    __slots__ = ("alarms", "decoder", "factors", "key", "past", "reads", "unit")

    def __init__(
        self,
        key: int,
        unit: int,
        decoder: Decoder,
        factors: Float64s | None = None,
        past: Past | None = None,
    ) -> None:
        self.key = key
        self.unit = unit
        self.decoder = decoder
        self.factors = factors
        self.past = past
        self.reads: tuple[Read, ...] = decoder.reads
        self.alarms = Watch(decoder.alarms)

    def forget(self) -> None:
        """It may have been exchanged or updated: ask as the profile says."""
        self.reads = self.decoder.reads


class Asked(NamedTuple):
    """What came of it: the image with the columns missing in it, or no image and why. done: what the device answered,
    None for all that its profile wants."""

    image: bytes | None
    missing: tuple[int, ...] = ()
    failure: NoAnswerError | RefusedByDeviceError | None = None
    done: tuple[Read, ...] | None = None


async def ask(connection: Connection, device: Device, timeout_s: float) -> Asked:
    """Send the device's reads one after another.

    Silence, or a gateway's word that its target is silent, ends the poll; what came before it is kept. A refused
    range is split until the device accepts; that is remembered once anything at all was answered, so that a device
    which refuses everything while it starts up is asked in full again.

    Raises:
        ConnectionLostError: the connection ended before the device had answered everything.
    """
    answers: list[tuple[Read, bytes]] = []
    accepted: list[Read] = []
    todo = deque(device.reads)
    failure: NoAnswerError | RefusedByDeviceError | None = None
    learnt = False
    while todo:
        read = todo.popleft()
        try:
            data = await connection.read(device.unit, read, timeout_s)
        except NoAnswerError as exc:
            failure = exc
        except RefusedByDeviceError as exc:
            if exc.code in NOT_AS_ASKED:
                todo.extendleft(reversed(split(read, device.decoder.wanted)))
                learnt = True
                failure = failure or exc
                continue
            failure = exc
            if exc.code not in TARGET_FAILED:
                accepted.append(read)  # its turn comes again next time
                continue
        else:
            answers.append((read, data))
            accepted.append(read)
            continue
        accepted += [read, *todo]
        break
    if not answers:
        return Asked(None, failure=failure)
    if learnt:
        metrics.holes.inc()
        device.reads = tuple(accepted)
    if device.reads is device.decoder.reads and len(answers) == len(device.reads):
        return Asked(b"".join([data for _, data in answers]))
    image, missing = device.decoder.assemble(answers)
    return Asked(image, missing, done=tuple(read for read, _ in answers))
