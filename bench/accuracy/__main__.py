"""python -m bench.accuracy: the table, or one scenario told in full."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from bench.accuracy.networks import NAMES, available
from bench.accuracy.scenarios import KINDS
from bench.accuracy.sweep import RATES, run
from bench.accuracy.table import markdown, show
from bench.accuracy.verbose import tell
from gateway.core.errors import InvalidInputError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument(
        "--scenarios", type=int, default=100, help="in each network, at every p (default 100)"
    )
    parser.add_argument("--p", default=",".join(map(str, RATES)), help="delivery rates")
    parser.add_argument("--network", default=",".join(available()), help="names with commas between")
    parser.add_argument("--kind", default=",".join(KINDS), help="kinds of scenario, with commas between")
    parser.add_argument("--seed", type=int, help="the scenario of this seed only")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--no-answers", action="store_true", help="nobody answers when asked")
    parser.add_argument("--misses", action="store_true", help="list what went wrong, with seeds")
    parser.add_argument("--verbose", action="store_true", help="with --seed: everything that happens")
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/accuracy.md")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = parser.parse_args()
    try:
        rates = tuple(float(p) for p in given.p.split(","))
    except ValueError:
        parser.error(f"--p {given.p}: not numbers with commas between")
    if not all(0 < p <= 1 for p in rates):
        parser.error(f"--p {given.p}: a delivery rate lies above 0 and is at most 1")
    try:
        _play(given, rates)
    except InvalidInputError as exc:
        parser.error("; ".join(exc.faults))


def _play(given: argparse.Namespace, rates: tuple[float, ...]) -> None:
    names, kinds = tuple(given.network.split(",")), tuple(given.kind.split(","))
    if given.verbose:
        for name in names:
            tell(name, kinds[0], given.seed or 0, rates[0], answering=not given.no_answers)
        return
    if given.network == ",".join(available()) != ",".join(NAMES):
        print(
            "only the district is played: the other networks need pip install -e '.[bench]'", file=sys.stderr
        )
    result = asyncio.run(
        run(
            scenarios=given.scenarios,
            rates=rates,
            networks=names,
            kinds=kinds,
            seed=given.seed,
            jobs=given.jobs,
            answering=not given.no_answers,
        )
    )
    if given.markdown:
        print(markdown(result))
        return
    show(result, misses=given.misses, out=sys.stderr if given.json else sys.stdout)
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
