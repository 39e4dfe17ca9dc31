"""`python -m simulator`: a district as a process of its own, led by JSON lines on standard input."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.core.errors import FeederlineError
from simulator.control import serve
from simulator.faults import Farewell
from simulator.mqtt_link import Broker
from simulator.options import Options
from simulator.simulation import Simulation


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    add = parser.add_argument
    add("--meters", type=int, default=200, help="metering points (4 to 100000)")
    add("--seed", type=int, default=1, help="the same seed gives the same district and the same load")
    add("--dir", type=Path, required=True, help="where network.csv, devices.csv and ledger.json are written")
    add("--mqtt-host", default="127.0.0.1")
    add("--mqtt-port", type=int, default=1883)
    add("--mqtt-user", default="")
    add(
        "--mqtt-password-env", default="", metavar="NAME", help="environment variable that holds the password"
    )
    add("--interval", type=float, default=3.0, metavar="S", help="seconds between readings of an MQTT device")
    add("--delivery-rate", type=float, default=0.7, help="share of meters whose last gasp gets through")
    add("--gasp-delay", type=float, default=5.0, metavar="S", help="last gasps leave within this time")
    add("--own-sessions", type=int, default=12, help="meters with an MQTT session and a will of their own")
    add("--head-ends", type=int, default=2, help="MQTT sessions that the other meters share")
    add("--concentrator-battery", type=float, default=600.0, metavar="S", help="0: dies with its transformer")
    add(
        "--terminals",
        choices=("all", "trunk"),
        default="all",
        help="trunk: no terminal behind a lateral's fuse",
    )
    add("--utc-offset", type=float, default=8.0, metavar="H", help="local time of the daily load shape")
    add("--history-days", type=int, default=0, metavar="N", help="load profiles of so many days past")
    add(
        "--profile-interval",
        type=int,
        default=3600,
        metavar="S",
        help="interval of load profiles: 900, 1800, 3600",
    )
    return parser


def _options(arguments: Sequence[str] | None) -> Options:
    """Ends the process with code 2 for arguments that make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    password = ""
    if given.mqtt_password_env:
        password = os.environ.get(given.mqtt_password_env, "")
        if not password:
            parser.error(f"environment variable {given.mqtt_password_env} is not set or is empty")
    if not 4 <= given.meters <= 100_000:
        parser.error(f"--meters {given.meters} is not between 4 and 100000")
    if not 1 <= given.mqtt_port <= 65_535:
        parser.error(f"--mqtt-port {given.mqtt_port} is not between 1 and 65535")
    try:
        return Options(
            meters=given.meters,
            directory=given.dir,
            seed=given.seed,
            broker=Broker(
                host=given.mqtt_host, port=given.mqtt_port, user=given.mqtt_user, password=password
            ),
            interval_s=given.interval,
            farewell=Farewell(delivery_rate=given.delivery_rate, gasp_delay_s=given.gasp_delay),
            head_ends=given.head_ends,
            own_sessions=given.own_sessions,
            concentrator_battery_s=given.concentrator_battery,
            terminals=given.terminals,
            utc_offset_h=given.utc_offset,
            history_days=given.history_days,
            profile_s=given.profile_interval,
        )
    except ValueError as exc:
        parser.error(str(exc))


async def _live(options: Options) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with Simulation(options) as simulation:
            await serve(simulation, stop)
    except (FeederlineError, OSError) as exc:
        sys.stderr.write(f"simulator: {exc}\n")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    if sys.platform == "win32":
        return asyncio.run(_live(options))
    import uvloop

    return uvloop.run(_live(options))


if __name__ == "__main__":
    sys.exit(main())
