"""`feederline check`: is the configuration usable, with everything it names? Connects to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.compose import load
from gateway.core.clock import SystemClock


def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file (YAML).")],
) -> None:
    """Validate configuration, network, devices and profiles; connect to nothing."""
    parts = load(config, clock=SystemClock())
    inventory, network = parts.inventory, parts.inventory.network
    typer.echo(
        f"{config}: good; {_many(inventory.listed, 'device')} serving {_many(inventory.served, 'customer')} "
        f"on {_many(len(network), 'node')}, {_many(len(parts.drivers), 'driver')}, "
        f"{_many(len(parts.config.alerts.targets), 'webhook target')}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
