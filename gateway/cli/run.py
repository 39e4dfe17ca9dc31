"""`feederline run`: the gateway, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gateway.app import run_gateway
from gateway.compose import load
from gateway.core.clock import SystemClock
from gateway.logs import set_up_logging


def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")],
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; what was read by then is stored before it ends.

    SIGHUP has it reread configuration, network and devices; so it also outlives the terminal it was started in.
    """
    clock = SystemClock()
    parts = load(config, clock=clock)
    set_up_logging(parts.config.gateway.log_level, parts.config.gateway.log_format)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(run_gateway(parts, clock=clock))


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists: the sockets are the hot path."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop
