"""python -m bench.usage: the tables of docs/usage-accuracy.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from bench.usage.play import Plan
from bench.usage.sweep import SEEDS, available, run
from bench.usage.table import markdown, show


def main() -> None:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench.usage", description=__doc__)
    parser.add_argument("--customers", type=int, default=plan.customers, help="of each population")
    parser.add_argument("--days", type=int, default=plan.days)
    parser.add_argument(
        "--slots", type=int, default=plan.slots, choices=(24, 48, 96), help="intervals of a day"
    )
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="with commas between")
    parser.add_argument("--shapes", default="simulator,simbench", help="with commas between")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--million", type=int, default=1_000_000, help="customers of the day that is timed; 0 for none"
    )
    parser.add_argument("--quick", action="store_true", help="small, for a look at the shape of it")
    parser.add_argument("--sentences", action="store_true", help="suspicions of the last day in words")
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/usage-accuracy.md")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = parser.parse_args()
    try:
        seeds = tuple(int(seed) for seed in given.seeds.split(","))
    except ValueError:
        parser.error(f"--seeds {given.seeds}: not whole numbers with commas between")
    plan = Plan(customers=given.customers, days=given.days, slots=given.slots)
    if given.quick:
        plan, seeds = Plan(customers=400, days=100, judged_from=40, prevalence=0.03), seeds[:1]
    shapes = tuple(given.shapes.split(","))
    for name in shapes:
        if name not in available():
            print(f"{name} is left out: its data comes with pip install -e '.[bench]'", file=sys.stderr)
    million = 20_000 if given.quick and given.million else given.million
    result = asyncio.run(run(plan=plan, seeds=seeds, shapes=shapes, jobs=given.jobs, customers=million))
    if given.markdown:
        print(markdown(result))
        return
    show(result, out=sys.stderr if given.json else sys.stdout)
    if given.sentences:
        print(
            "\n".join(str(line) for line in result["sentences"] if line)
            if isinstance(result["sentences"], list)
            else ""
        )
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
