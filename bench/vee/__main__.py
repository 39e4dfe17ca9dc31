"""`python -m bench.vee`: the tables as docs/usage-accuracy.md has them, or one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json

from bench.vee import SEED, markdown, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.vee", description=__doc__)
    parser.add_argument("--meters", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--shapes", default="simulator", choices=("simulator", "simbench"))
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/usage-accuracy.md")
    given = parser.parse_args()
    result = asyncio.run(run(meters=given.meters, seed=given.seed, shapes=given.shapes))
    print(markdown(result) if given.markdown else json.dumps(result))


if __name__ == "__main__":
    main()
