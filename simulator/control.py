"""The conversation with whoever started the simulator: commands in, events out, a JSON object a line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading

import msgspec

from simulator.meters_modbus import CommsFault
from simulator.simulation import Simulation

COMMANDS = ("start", "fault", "restore", "cut_comms", "mend_comms", "event", "pause", "ledger", "stop")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of standard input. `do` decides which of the others matter."""

    do: str
    node: str = ""
    phases: str = "ABC"
    duration_s: float | None = None
    device: str = ""
    how: CommsFault | None = None
    event: str = "cover_open"
    ended: bool = False


def say(event: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **more}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def serve(simulation: Simulation, stop: asyncio.Event) -> None:
    """Announce `ready`, then obey until told to stop, until standard input ends, or until `stop` is set."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    _read_lines(lines)
    say("ready", at=simulation.clock.now(), **simulation.describe())
    ended = asyncio.create_task(stop.wait())
    failed = asyncio.create_task(simulation.wait())
    try:
        while True:
            line = asyncio.create_task(lines.get())
            done, _ = await asyncio.wait({line, ended, failed}, return_when=asyncio.FIRST_COMPLETED)
            if failed in done:
                failed.result()
            if ended in done:
                line.cancel()
                return
            text = line.result()
            if text is None or not await obey(simulation, text):
                return
    finally:
        ended.cancel()
        failed.cancel()
        await asyncio.gather(ended, failed, return_exceptions=True)


async def obey(simulation: Simulation, text: bytes) -> bool:
    """Carry out one command and say so; False when it was `stop`. A wrong command changes nothing."""
    if not text.strip():
        return True
    try:
        command = msgspec.json.decode(text, type=Command)
    except msgspec.DecodeError as exc:
        say("error", message=f"not a command: {exc}")
        return True
    try:
        return await _carry_out(simulation, command)
    except KeyError as exc:
        say("error", do=command.do, message=f"there is no {exc.args[0]!r} in this district")
    except ValueError as exc:
        say("error", do=command.do, message=str(exc))
    return True


async def _carry_out(simulation: Simulation, command: Command) -> bool:
    match command.do:
        case "start":
            say("started", at=await simulation.start())
        case "fault":
            at = await simulation.fault(command.node, phases=command.phases, duration_s=command.duration_s)
            say("fault", at=at, node=command.node, phases=command.phases)
        case "restore":
            say("restored", at=await simulation.restore(command.node), node=command.node)
        case "cut_comms" if command.node and not command.device:
            say("comms_cut", at=await simulation.cut_cell(command.node), node=command.node)
        case "mend_comms" if command.node and not command.device:
            say("comms_mended", at=await simulation.mend_cell(command.node), node=command.node)
        case "cut_comms":
            say(
                "comms_cut", at=await simulation.cut_comms(command.device, command.how), device=command.device
            )
        case "mend_comms":
            say("comms_mended", at=await simulation.mend_comms(command.device), device=command.device)
        case "event":
            at = await simulation.tell_event(command.device, command.event, ended=command.ended)
            say("event_told", at=at, device=command.device)
        case "pause":
            at, flushed = await simulation.pause()
            say("paused", at=at, flushed=flushed)
        case "ledger":
            path = simulation.options.directory / "ledger.json"
            ledger = simulation.ledger()
            ledger.write(path)
            say("ledger", at=simulation.clock.now(), path=str(path), **ledger.totals())
        case "stop":
            say("stopped", at=simulation.clock.now())
            return False
        case other:
            raise ValueError(f"unknown command {other!r}; there are: {', '.join(COMMANDS)}")
    return True


def _read_lines(lines: asyncio.Queue[bytes | None]) -> None:
    """Standard input into a queue, None at its end; a thread, because files and terminals cannot be awaited."""
    loop = asyncio.get_running_loop()

    def tell(line: bytes | None) -> None:
        try:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        except RuntimeError:
            pass  # the loop is closed: nobody listens any more

    def read() -> None:
        rest = b""
        while chunk := _chunk():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                tell(line)
        if rest.strip():
            tell(rest)
        tell(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()


def _chunk() -> bytes:
    # os.read rather than sys.stdin: a reader blocked inside sys.stdin's lock would spoil the interpreter's exit.
    try:
        return os.read(0, 65_536)
    except OSError:
        return b""
