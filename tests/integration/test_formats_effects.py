"""One effect per step, whatever goes wrong: lives of tickets over lines that fail at random, with senders that die."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.core.ticket import TicketState
from simulator.desks import PASSWORD, DeskServer, Jira, ServiceNow
from simulator.receiver import Behaviour
from tests.notices import Sender, desk_target, notice

S = TicketState
LIFE = [
    notice(),
    notice("dispatch", S.DISPATCHED, before=S.PREDICTED, revision=2),
    notice("comment", S.DISPATCHED, before=S.DISPATCHED, revision=3),
    notice("close", S.CLOSED, before=S.DISPATCHED, revision=4),
    notice("reopen", S.REOPENED, before=S.CLOSED, revision=5),
    notice("close", S.CLOSED, before=S.REOPENED, revision=6),
]
STEPS = [f"Ticket 1017, step {revision}:" for revision in range(2, 7)]
JIRA: dict[str, Any] = {
    "deployment": "data_center",
    "service_desk_id": "10",
    "request_type_id": "25",
    "project": "OPS",
    "transitions": {"dispatched": "11", "closed": "761", "reopened": "51"},
}
FAILURES = (
    Behaviour(drop="before"),
    Behaviour(drop="after"),
    Behaviour(status=503),
    Behaviour(status=429, headers={"retry-after": "1"}),
)


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)


async def live(desk: DeskServer, by: Sender, seed: int) -> None:
    """Every step until it is accepted; now and then the sender dies before it can write down what it was told."""
    chance = random.Random(seed)
    for made in LIFE:
        for _ in range(chance.randrange(4)):
            desk.misbehave(chance.choice(FAILURES), method=chance.choice(("GET", "POST", "PATCH")))
        before = by.reference
        await by.bring(made, tries=20)
        if chance.random() < 0.3:
            by.reference = before
            await by.bring(made, tries=20)


@pytest.mark.parametrize("seed", range(25))
async def test_servicenow(seed: int) -> None:
    async with ServiceNow() as desk:
        await live(desk, Sender(desk_target(desk, "servicenow", {})), seed)
        assert desk.only["state"] == "6"
        notes = [note.split(" ", 4)[:4] for note in desk.notes[desk.only["sys_id"]]]
        assert [" ".join(words) for words in notes] == STEPS


@pytest.mark.parametrize("seed", range(25))
async def test_jira(seed: int) -> None:
    async with Jira(cloud=False) as desk:
        await live(desk, Sender(desk_target(desk, "jira", JIRA)), seed)
        assert desk.only["status"] == "Resolved"
        notes = [comment["body"].split(" ", 4)[:4] for comment in desk.only["comments"]]
        assert [" ".join(words) for words in notes] == STEPS
