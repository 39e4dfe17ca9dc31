"""`feederline drill`: an exercise through the running gateway, with the time that each step took."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.status import Status

from gateway.cli.remote import Address, CaFile, Credentials, Gateway, TokenFile, ask, base_of, credentials
from gateway.core.errors import InvalidInputError, UnavailableError

_LOOK_S = 1.0
_AFTER_S = 900.0  # how long verification and messages may take after the end where nothing is said

Answer = dict[str, Any]


def drill(
    *,
    config: Gateway = None,
    node: Annotated[str, typer.Option(help="Where supply is to seem lost.")] = "",
    duration: Annotated[
        float | None,
        typer.Option(min=10, max=14400, help="Seconds until it seems back. Default: drill.duration_s."),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Watch for so many seconds. Default: until it is over.")
    ] = 0,
    reason: Annotated[str, typer.Option(help="Why; stays on record.")] = "",
    last: Annotated[
        bool, typer.Option("--last", help="Hold none: show the last one, and when the next is due.")
    ] = False,
    url: Address = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Hold a drill: an outage that is none, from detection over its ticket to the messages, marked as drill in all."""
    if last == bool(node):
        raise InvalidInputError(["name either the --node of the drill, or --last"])
    shown, where = credentials(token_file, ca_file), f"{base_of(config, url)}/api/drills"
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if last:
        answer = asyncio.run(_last(where, shown))
        _show_last(console, answer)
        done = True
    else:
        asked = {"node": node, "reason": reason} | ({"duration_s": duration} if duration is not None else {})
        answer = asyncio.run(_hold(where, asked, wait, shown, console))
        done = bool(answer["done"])
    if as_json:
        print(json.dumps(answer))  # noqa: T201
    if not done:
        if answer["state"] == "running":
            console.print(
                f"Not yet: {_failure(answer)}. The drill goes on; feederline drill --last shows how."
            )
        else:
            console.print(f"The drill failed: {_failure(answer)}.", style="red")
        raise typer.Exit(1)


async def _hold(where: str, asked: Answer, wait_s: float, shown: Credentials, console: Console) -> Answer:
    try:
        body = json.dumps(asked, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise InvalidInputError(["--node or --reason is not text"]) from exc
    report = await ask("POST", where, shown=shown, data=body, media="application/json")
    console.print(f"Drill {report['id']} at {report['node']} runs until {report['ends_at']}.")
    length = datetime.fromisoformat(report["ends_at"]) - datetime.fromisoformat(report["starts_at"])
    loop = asyncio.get_running_loop()
    until = loop.time() + (wait_s or length.total_seconds() + _AFTER_S)
    told: set[str] = set()
    incident = report["incident"]
    with Status("waiting for the detector", console=console) as status:
        while not _finished(report) and loop.time() < until:
            await asyncio.sleep(min(_LOOK_S, max(0.0, until - loop.time())))
            try:
                report = await ask("GET", f"{where}/{report['id']}", shown=shown)
            except UnavailableError as exc:  # a gateway that starts again goes on with the drill
                status.update(str(exc))
                continue
            if incident and report["incident"] not in (None, incident):
                console.print("  The largest outage found is another one now, and these are its times:")
            incident = report["incident"] or incident
            for step in _steps(report):
                if step not in told:
                    console.print(step)
                    told.add(step)
            status.update(_waiting(report))
    return report


async def _last(where: str, shown: Credentials) -> Answer:
    found = await ask("GET", where, shown=shown, params={"limit": "1"})
    drills = found["drills"]
    report = await ask("GET", f"{where}/{drills[0]['id']}", shown=shown) if drills else None
    return {"last": report, "every_days": found["every_days"], "due": found["due"], "due_at": found["due_at"]}


def _finished(report: Answer) -> bool:
    return report["state"] == "over" and all(t["delivered"] == t["messages"] for t in report["targets"])


def _steps(report: Answer) -> Iterator[str]:
    """What has happened so far, each in a line that does not change any more."""
    delays = report["delays_s"]
    if report["detected_at"]:
        yield f"  detected           after {_seconds(delays['detected'])}: {report['incident']}"
    if report["ticket"]:
        yield f"  ticket opened      after {_seconds(delays['ticket'])}: no. {report['ticket_number']}"
    for target in report["targets"]:
        if target["delay_s"] is not None:
            yield f"  message delivered  after {_seconds(target['delay_s'])}: {target['target']}"
    if report["acknowledged_at"]:
        yield f"  acknowledged       after {_seconds(delays['acknowledged'])}: {report['acknowledged_by']}"
    if report["closed_at"]:
        yield f"  closed             after {_seconds(delays['closed'])}: {report['ended_by']}".rstrip(": ")


def _waiting(report: Answer) -> str:
    if not report["detected_at"]:
        return "waiting for the detector"
    if not report["ticket"]:
        return "waiting for the ticket"
    if not any(target["delivered"] for target in report["targets"]):
        return "waiting for the first message to be delivered"
    if not report["acknowledged_at"]:
        return "waiting for somebody to acknowledge the ticket"
    return "waiting for the end"


def _failure(report: Answer) -> str:
    if not report["detected_at"]:
        return "no outage was detected"
    if not report["ticket"]:
        return f"incident {report['incident']} got no ticket"
    if not report["targets"]:
        return "no target was to be told"
    deaf = [target for target in report["targets"] if not target["delivered"]]
    return "; ".join(f"{t['target']} got no message: {t['last_error'] or 'not yet'}" for t in deaf)


def _show_last(console: Console, answer: Answer) -> None:
    report = answer["last"]
    if report is None:
        console.print("No drill was held yet: one is due.")
        return
    console.print(
        f"The last drill was {report['id']} at {report['node']}, {report['starts_at']}, by {report['by']}."
    )
    for step in _steps(report):
        console.print(step)
    when = "is due since" if answer["due"] else "is due on"
    console.print(f"The next one {when} {answer['due_at']}, {answer['every_days']} days after it began.")


def _seconds(delay: float) -> str:
    return f"{delay:.1f} s"
