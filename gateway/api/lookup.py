"""One incident or ticket by its id, for somebody who may see it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import HTTPException, Path, Request, Response

from gateway.api.access.gate import Gate
from gateway.api.problems import within
from gateway.core.access import Actor
from gateway.core.clock import Clock
from gateway.core.errors import InvalidInputError, NotFoundError, StaleError
from gateway.core.network import Network
from gateway.store.reports import Reports
from gateway.store.views import IncidentView, TicketView

_NUMBER = re.compile(r"#?[0-9]{1,18}")
_TAG = re.compile(r'"[0-9]{1,18}"')
Id = Annotated[str, Path(min_length=1, max_length=200)]


def storable(name: str, what: str) -> str:
    """PostgreSQL holds no NUL in text and no half surrogate pairs, so nothing has such a name.

    Raises NotFoundError for these.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise NotFoundError(f"there is no {what} {name!r}") from None
    if "\0" in name:
        raise NotFoundError(f"there is no {what} {name!r}")
    return name


class Finder:
    """Incidents and tickets for whoever asks: what lies outside their part of the network is not there for them."""

    def __init__(self, reports: Reports, network: Network, gate: Gate, clock: Clock) -> None:
        self.network = network
        self._clock = clock
        self._reports = reports
        self._gate = gate

    async def incident(self, name: str, request: Request, actor: Actor) -> IncidentView:
        """Raises NotFoundError when there is none, HTTPException 404 in the same words when it is not theirs."""
        view = await within(self._reports.incident(storable(name, "incident"), at=self._clock.now()))
        missing = f"there is no incident {name!r}"
        if view is None:
            raise NotFoundError(missing)
        self._gate.reach(request, actor, view.incident.node, self.network, missing)
        return view

    async def ticket(self, name: str, request: Request, actor: Actor) -> TicketView:
        """As `incident`; `name`: its id, or the number that people call it by (`17`, `#17`)."""
        known = name
        if _NUMBER.fullmatch(name):
            found = await within(self._reports.ticket_numbered(int(name.removeprefix("#"))))
            known = found or name
        view = await within(self._reports.ticket(storable(known, "ticket")))
        missing = f"there is no ticket {name!r}"
        if view is None:
            raise NotFoundError(missing)
        self._gate.reach(request, actor, view.ticket.node, self.network, missing)
        return view


def tag(response: Response, revision: int) -> None:
    """Let the answer say which revision it holds."""
    response.headers["etag"] = f'"{revision}"'


def expected(if_match: str | None) -> int | None:
    """The revision that a request is about; None for whichever there is (`*`, or nothing said).

    Raises InvalidInputError for what is no revision.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip()
    if _TAG.fullmatch(text):
        return int(text[1:-1])
    raise InvalidInputError([f'If-Match: {text[:40]!r} is not one ETag such as "3"'])


def required(if_match: str | None) -> int | None:
    """As `expected`. Raises HTTPException 428 when nothing was said."""
    if if_match is None:
        raise HTTPException(
            428, 'say with If-Match which revision is meant, as its ETag told: "3", or * for any'
        )
    return expected(if_match)


def held(revision: int, wanted: int | None, what: str) -> None:
    """Raises StaleError when it is not the revision that was wanted."""
    if wanted is not None and wanted != revision:
        raise StaleError(f"{what} has changed since it was read: it is at revision {revision} now", revision)
