"""What `feederline drill` makes of a drill's report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import app, drill
from gateway.core.errors import InvalidInputError, UnavailableError

TARGET = {"target": "desk", "messages": 2, "delivered": 2, "delay_s": 70.5, "last_error": None}


def report(**changes: Any) -> dict[str, Any]:
    """One that went well, after its end."""
    return {
        "id": "drill-1",
        "node": "T1",
        "starts_at": "2026-03-01T08:00:00Z",
        "ends_at": "2026-03-01T08:10:00Z",
        "by": "Li Wei",
        "state": "over",
        "done": True,
        "incident": "drill-1:inc-1",
        "detected_at": "2026-03-01T08:00:10Z",
        "ticket": "tkt-1",
        "ticket_number": 7,
        "acknowledged_at": "2026-03-01T08:02:00Z",
        "acknowledged_by": "Wang Fang",
        "closed_at": "2026-03-01T08:12:00Z",
        "ended_by": "feederline",
        "delays_s": {
            "detected": 10.0,
            "ticket": 70.0,
            "delivered": 70.5,
            "acknowledged": 120.0,
            "closed": 720.0,
        },
        "targets": [TARGET],
    } | changes


UNSEEN = report(
    done=False, detected_at=None, incident=None, ticket=None, targets=[], acknowledged_at=None, closed_at=None
)


def run(monkeypatch: pytest.MonkeyPatch, answers: Sequence[object], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and what people see, of a gateway that gives these answers in turn, and the last for ever."""
    waiting = list(answers)

    async def ask(*_: object, **__: object) -> object:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(drill, "ask", ask)
    monkeypatch.setattr(drill, "_LOOK_S", 0.01)
    done = CliRunner().invoke(app, ["drill", *arguments, "--url", "http://127.0.0.1:1"])
    return done.exit_code, done.stdout, done.stderr


def test_steps_are_told_once_each_as_they_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = report(state="running", done=False, ticket=None, targets=[], acknowledged_at=None, closed_at=None)
    answers = [UNSEEN | {"state": "running"}, seen, seen, UnavailableError("nobody answers"), report()]
    code, out, err = run(monkeypatch, answers, "--node", "T1", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1]) == report()
    for line in (
        "detected           after 10.0 s: drill-1:inc-1",
        "ticket opened      after 70.0 s: no. 7",
        "message delivered  after 70.5 s: desk",
        "acknowledged       after 120.0 s: Wang Fang",
        "closed             after 720.0 s: feederline",
    ):
        assert err.count(line) == 1


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (UNSEEN, "no outage was detected"),
        (report(done=False, ticket=None, targets=[]), "got no ticket"),
        (report(done=False, targets=[]), "no target was to be told"),
        (
            report(
                done=False, targets=[TARGET | {"delivered": 0, "delay_s": None, "last_error": "status 500"}]
            ),
            "desk got no message: status 500",
        ),
    ],
)
def test_what_did_not_happen_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, made: dict[str, Any], why: str
) -> None:
    code, _, err = run(monkeypatch, [made], "--node", "T1", "--wait", "0.1")
    assert code == 1
    assert "The drill failed: " in err
    assert why in err


def test_what_has_not_happened_by_the_end_of_the_watch_may_still_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = UNSEEN | {"state": "running"}
    code, _, err = run(monkeypatch, [made], "--node", "T1", "--wait", "0.1")
    assert code == 1
    assert "Not yet: no outage was detected. The drill goes on; feederline drill --last" in err.replace(
        "\n", " "
    )
    assert "failed" not in err


def test_another_outage_is_not_told_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    first = report(state="running", acknowledged_at=None, closed_at=None)
    answers = [UNSEEN | {"state": "running"}, first, first, report(incident="drill-1:inc-2")]
    _, _, err = run(monkeypatch, answers, "--node", "T1")
    assert err.count("The largest outage found is another one now") == 1
    assert err.index("inc-1") < err.index("another one now") < err.index("inc-2")


def test_where_the_gateway_answers_has_to_be_said_once() -> None:
    done = CliRunner().invoke(app, ["drill", "--last"])
    assert isinstance(done.exception, InvalidInputError)
    assert "-c" in str(done.exception)
    assert "--url" in str(done.exception)


def test_the_last_one_is_shown_and_whether_the_next_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"drills": [{"id": "drill-1"}], "every_days": 183, "due": True, "due_at": "2026-08-31T08:00:00Z"}
    code, _, err = run(monkeypatch, [found, report()], "--last")
    assert code == 0
    assert "is due since 2026-08-31T08:00:00Z, 183 days after" in err.replace("\n", " ")
