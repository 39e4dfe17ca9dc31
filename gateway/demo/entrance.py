"""A token for whoever tries the demo, and what to do with it."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.api.access import tokens
from gateway.core.access import AuditEntry, Role
from gateway.core.clock import DAY, SECOND, Clock
from gateway.demo.plot import Plot
from gateway.demo.processes import TIME_ZONE
from gateway.store import Store
from gateway.store.access import Token

_NAME = "demo"


async def engineer_token(store: Store, clock: Clock) -> str:
    """Make an engineer's token, since a drill takes one; good for a day, and as its holder has it.

    Raises UnavailableError without the database.
    """
    minted, at = tokens.mint(), clock.now()
    token = Token(
        id=minted.id,
        name="whoever tries the demo",
        role=Role.ENGINEER,
        created_at=at,
        created_by=_NAME,
        expires_at=at + DAY,
    )
    entry = AuditEntry(
        at=at,
        actor=_NAME,
        origin="command",
        action="token.create",
        object=token.id,
        outcome="done",
        detail={"name": token.name, "role": token.role.word, "below": []},
    )
    await store.access.create(token, minted.hash, entry)
    return minted.text


def example(page: str, token: str, ticket: str) -> str:
    """A command line that writes a word onto a ticket's record, whatever its revision by then."""
    return shlex.join(
        (
            "curl", "-X", "POST", f"{page}/api/tickets/{ticket}/comment", "-H", f"Authorization: Bearer {token}",
            "-H", "If-Match: *", "-H", "Content-Type: application/json", "-d", '{"reason": "my word on record"}',
        )
    )  # fmt: skip


def drill(page: str, token: str, node: str) -> str:
    """A command line that holds a drill at `node` and watches it to its end."""
    words = [*_program(), "drill", "--node", node, "--duration", "20", "--url", page]
    return f"FEEDERLINE_TOKEN={shlex.quote(token)} {shlex.join(words)}"


def report(configuration: Path, at: int) -> str:
    """A command line that writes the report of the month in which the demo runs."""
    month = datetime.fromtimestamp(at / SECOND, ZoneInfo(TIME_ZONE)).strftime("%Y-%m")
    return shlex.join([*_program(), "report", "--month", month, "-c", str(configuration)])


def _program() -> list[str]:
    if shutil.which("feederline") is not None:
        return ["feederline"]
    beside = Path(sys.executable).with_name("feederline")  # make demo does without activating the environment
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "gateway"]


def drill_node(transformers: Collection[str], found: Sequence[Plot]) -> str:
    """A transformer that no fault of the story takes, where there is one: at a real outage a drill is refused."""
    taken = {name for plot in found for name in plot.transformers}
    free = [name for name in transformers if name not in taken]
    return free[-1] if free else found[-1].transformers[-1]
