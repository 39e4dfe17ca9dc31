"""`feederline run`: the gateway, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gateway.app import run_gateway
from gateway.config import load_config
from gateway.logs import set_up_logging


def run(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")],
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM; what was read by then is stored before it ends."""
    settings = load_config(config)
    set_up_logging(settings.gateway.log_level, settings.gateway.log_format)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        runner.run(run_gateway(settings))


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists: the sockets are the hot path."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop
