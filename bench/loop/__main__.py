"""python -m bench.loop: the figures, as one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json

from bench.loop.run import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="of faults (default 2)")
    parser.add_argument("--rate", type=float, default=100.0, help="faults a minute (default 100)")
    parser.add_argument("--readings", type=float, default=200.0, help="a second, beside them (default 200)")
    parser.add_argument("--collecting", type=float, default=10.0, help="outage.collecting_s (default 10)")
    parser.add_argument("--tick", type=float, help="gateway.tick_s instead of its default")
    parser.add_argument("--url", default="", help="an empty database instead of the embedded PostgreSQL")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = asyncio.run(
        run(
            minutes=given.minutes,
            rate=given.rate,
            readings=given.readings,
            collecting_s=given.collecting,
            tick_s=given.tick,
            url=given.url,
            seed=given.seed,
        )
    )
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
