"""What the story needs: a fuse with several transformers behind it, and a concentrator that is elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.demo.processes import DemoError


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """One fault and one failure of communications at the same time."""

    fuse: str
    feeder: str
    transformers: tuple[str, ...]  # behind the fuse; the first has its supply back before the others
    meters: int  # below the first of them
    concentrator: str
    place: str  # transformer of the concentrator


def plots(about: dict[str, Any]) -> list[Plot]:
    """All that the district allows, those with the most transformers first. Raises DemoError where there is none."""
    concentrators = list(zip(about["concentrators"], about["polled_transformers"], strict=True))
    found = []
    for fuse, behind in about["fuses"].items():
        elsewhere = [pair for pair in concentrators if pair[1] not in behind]
        if len(behind) < 2 or not elsewhere:
            continue
        concentrator, place = elsewhere[-1]  # feeders come in order, so this is most likely another one
        found.append(
            Plot(
                fuse=fuse,
                feeder=next(feeder for feeder in about["feeders"] if fuse.startswith(f"{feeder}-")),
                transformers=tuple(behind),
                meters=next(iter(behind.values())),
                concentrator=concentrator,
                place=place,
            )
        )
    if not found:
        raise DemoError(
            "this district has no fuse with several transformers; try another seed or more meters"
        )
    return sorted(found, key=lambda plot: -len(plot.transformers))
