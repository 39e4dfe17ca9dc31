"""Puts the demo together, lets the story run, and counts at the end what arrived and what did not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
from rich.console import Console

from alerts.webhook import new_secret
from gateway.core.clock import SECOND, SystemClock
from gateway.demo import processes
from gateway.demo.arrival import arrived
from gateway.demo.desk import ServiceDesk
from gateway.demo.entrance import drill, drill_node, engineer_token, example, report
from gateway.demo.figures import keep_line
from gateway.demo.inspection import Inspection
from gateway.demo.lookout import Lookout
from gateway.demo.past import Past, days_of, load_past
from gateway.demo.plot import Plot, plots
from gateway.demo.processes import DemoError, District
from gateway.demo.story import Story
from gateway.demo.tally import Tally
from gateway.embedded import BrokerAddress, embedded_broker, embedded_postgres, free_port
from gateway.store import Store
from gateway.store.completeness import Delivered
from gateway.store.settings import DatabaseSettings
from simulator.receiver import Receiver
from simulator.room import ChatRoom

_PAGE_PORT = 8080  # where it is free
_START_S = 60.0
_DARK_S = 30.0  # of an outage when there is no end: enough to look at it
_PAUSE_S = 20.0  # between outages when there is no end
_GRACE = SECOND // 5  # an answer counted by the meter and not yet stamped by the gateway


async def run_demo(folder: Path, *, meters: int, duration_s: float | None, seed: int) -> Tally:
    """Run until `duration_s` is over, or where there is none, until Ctrl-C after at least one whole story.

    Raises DemoError when a part fails, UnavailableError when one cannot be started.
    """
    console = Console(
        stderr=True, soft_wrap=not sys.stderr.isatty()
    )  # logs keep whole lines, a terminal whole words
    private = folder / "private"  # the database server may look into `folder`, nobody into this
    private.mkdir(mode=0o700)
    secret = new_secret()
    main = asyncio.current_task()
    assert main is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    async with contextlib.AsyncExitStack() as stack:
        status = stack.enter_context(console.status("Starting PostgreSQL and an MQTT broker"))
        database = stack.enter_context(embedded_postgres(folder / "database", durable=False))
        broker = stack.enter_context(embedded_broker(private / "broker"))
        receiver = await stack.enter_async_context(Receiver(secret))
        inspectors = await stack.enter_async_context(Receiver(secret))
        room = await stack.enter_async_context(ChatRoom())
        status.update(f"Building a district of {meters} metering points")
        days = days_of(meters)
        simulator = processes.district(private, broker, meters, seed, terminals="trunk", history_days=days)
        district = await stack.enter_async_context(simulator)
        status.update("Filling in the weeks before")
        past = await load_past(database, district.about, SystemClock())
        scene = _Scene(
            console, private, database, broker, receiver, inspectors, room, district, past, secret, meters
        )
        return await _play(scene, status.update, duration_s)


class _Offers(NamedTuple):
    """Command lines for whoever tries the demo."""

    drill: str
    report: str


class _Scene(msgspec.Struct, frozen=True):
    console: Console
    folder: Path
    database: str
    broker: BrokerAddress
    receiver: Receiver
    inspectors: Receiver
    room: ChatRoom
    district: District
    past: Past
    secret: str
    meters: int


async def _play(scene: _Scene, show: Any, duration_s: float | None) -> Tally:
    clock = SystemClock()
    port, callback_secret = _page_port(), new_secret()
    about = scene.district.about
    found = plots(about)
    feeder = found[0].feeder
    shortened = processes.write_configuration(
        scene.folder, database=scene.database, broker=scene.broker, receiver=scene.receiver.url, port=port,
        meters=scene.meters, room=processes.Room(scene.room.url, feeder),
        inspection=scene.inspectors.url, calls_back=True,
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    async with processes.gateway(scene.folder, scene.secret, callback_secret) as gateway:
        show("Starting the gateway")
        page = f"http://127.0.0.1:{port}"
        await _await_ready(page, gateway, scene.folder)
        settings = DatabaseSettings(url=scene.database, role="feederline_api")
        async with Store.open(settings) as store:
            token = await engineer_token(store, clock)
            started_at = (await scene.district.ask("start"))["at"]
            ends = None if duration_s is None else loop.time() + duration_s
            lookout = Lookout(
                store,
                scene.receiver,
                scene.room,
                inspectors=scene.inspectors,
                patience_s=processes.patience_s(scene.meters),
            )
            inspection = Inspection(lookout, scene.past)
            story = Story(
                scene.console,
                clock,
                district=scene.district,
                lookout=lookout,
                desk=ServiceDesk(page, callback_secret, clock),
                room_of=feeder,
                page=page,
                example=functools.partial(example, page, token),
                started_at=started_at,
            )
            story.tell(
                f"A district of {about['customers']} customers behind {about['meters']} meters, on "
                f"{len(about['transformers'])} transformers and {len(about['feeders'])} feeders, with "
                f"{about['terminals']} terminals and {len(about['concentrators'])} concentrators: {about['devices']} "
                "devices, polled by Modbus TCP or heard by MQTT."
            )
            if scene.past.words:
                story.tell(
                    f"{scene.past.words} are in the database already, as collected before. One meter has been bypassed "
                    "in part for ten days, and one home stands empty."
                )
            story.tell(
                f"The page: [bold]{page}[/bold]; this machine may read it, and nothing else reaches it."
            )
            story.tell(
                "Its first sentence says how many are off and since when, who works on it, and whether 99.9 % holds. "
                "This month begins with the demo: ASAI is low at first, and what counts is the budget that is left. "
                "Open an incident for where, and why we think so."
            )
            story.tell(
                "To change something too, sign in there with this token (an engineer's, since drills take one):"
            )
            story.offer(token)
            story.tell(
                "So that you need not wait, the demo shortens: "
                + ", ".join(f"{key} {value:g}" for key, value in shortened.items())
                + ". Signals keep real seconds."
            )
            offers = _Offers(
                drill=drill(page, token, drill_node(about["transformers"], found)),
                report=report(scene.folder / "feederline.yaml", clock.now()),
            )
            async with _beside(keep_line(lookout, show)), _beside(inspection.watch(story)):
                telling = _tell(
                    story,
                    found,
                    offers,
                    past=scene.past,
                    inspection=inspection,
                    duration_s=duration_s,
                    ends=ends,
                )
                await _until_ctrl_c(telling, story)
            show("Storing the last readings")
            pause = await scene.district.ask("pause")
            if not pause["flushed"]:
                raise DemoError("the broker did not confirm everything that meters published")
            delivered = await _delivered(scene, pause["at"])
            await arrived(store, delivered)
            await processes.stop_gateway(gateway, scene.folder)
            return await _count(scene, store, story, inspection, delivered)


async def _until_ctrl_c(telling: Coroutine[Any, Any, None], story: Story) -> None:
    """After a whole story Ctrl-C is the ordinary end; before that it is a cancellation."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(telling, name="story")
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        loop.remove_signal_handler(signal.SIGINT)
    if task.cancelled():
        if not story.whole:
            raise KeyboardInterrupt
        return
    task.result()


async def _tell(
    story: Story,
    found: list[Plot],
    offers: _Offers,
    *,
    past: Past,
    inspection: Inspection,
    duration_s: float | None,
    ends: float | None,
) -> None:
    """The story once, then quiet until the end; without an end, again at one fuse after the other."""
    loop = asyncio.get_running_loop()
    await story.supply_normal(past)
    if ends is not None and duration_s is not None:
        await asyncio.sleep(min(3.0, duration_s / 20))
        await story.play(found[0], min(15.0, duration_s / 5))
        if (rest := ends - loop.time()) > 0:
            _offer(story, offers)
            story.tell(f"Supply stays normal for the remaining {rest:.0f} s; look at the page.")
            await asyncio.sleep(rest)
        await inspection.settled()
        return
    story.tell("Ctrl-C ends the demo and leaves nothing behind.")
    await asyncio.sleep(3.0)
    for plot in itertools.cycle(found):
        await story.play(plot, _DARK_S)
        if plot is found[0]:
            _offer(story, offers)
        story.tell(
            f"The next fault follows in {_PAUSE_S:.0f} s; look at the page meanwhile. Ctrl-C ends the demo."
        )
        await asyncio.sleep(_PAUSE_S)


def _offer(story: Story, offers: _Offers) -> None:
    story.tell(
        "While the demo runs, from another terminal: hold a drill, which the page marks DRILL and no figure counts:"
    )
    story.offer(offers.drill)
    story.tell("Or write the month's report, as management gets it; it says where:")
    story.offer(offers.report)


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do it beside the story, which its failure ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def _delivered(scene: _Scene, paused_at: int) -> Delivered:
    await scene.district.ask("ledger")
    ledger = json.loads((scene.folder / "ledger.json").read_text(encoding="utf-8"))
    return Delivered(
        mqtt=ledger["mqtt"],
        modbus=ledger["modbus"],
        signals=[tuple(said) for said in ledger["signals"]],
        since=scene.past.until,
        until=paused_at + _GRACE,
    )


async def _count(
    scene: _Scene, store: Store, story: Story, inspection: Inspection, delivered: Delivered
) -> Tally:
    paused_at = delivered.until - _GRACE
    await inspection.look()
    totals = await store.reports.totals()
    seconds = story.detect_seconds
    return Tally(
        devices=scene.district.about["devices"],
        completeness=await store.completeness(delivered),
        reliability=await store.reports.reliability(story.started_at, paused_at, at=paused_at),
        receiver=scene.receiver.counts,
        incidents=totals.incidents,
        tickets_opened=totals.tickets,
        tickets_closed=totals.tickets_closed,
        detect_seconds=round(sum(seconds) / len(seconds), 3) if seconds else None,
        inspected=inspection.found,
        story=story.steps,
        wrong=story.faults,
    )


async def _await_ready(page: str, gateway: asyncio.subprocess.Process, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while loop.time() < deadline and gateway.returncode is None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(f"{page}/health/ready") as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
    await processes.stop_gateway(gateway, folder)
    raise DemoError(f"the gateway was not ready within {_START_S:.0f} s")


def _page_port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PAGE_PORT))
        except OSError:
            return free_port()
    return _PAGE_PORT
