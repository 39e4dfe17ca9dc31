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
        f"{config}: good; {len(inventory)} devices serving {inventory.served} customers on {len(network)} nodes, "
        f"{len(parts.drivers)} drivers, {len(parts.config.alerts.targets)} webhook targets"
    )
