"""How a message gets from here to a target: the line it goes over, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from gateway.core.ticket import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How one try ended. `status` is None when no answer came; `error` is empty only for success."""

    status: int | None
    error: str = ""
    retry_after: int | None = None  # µs that the receiver asked us to wait
    gone: bool = False  # it wants no more messages, ever
    reference: str = ""  # what the receiver calls the ticket, where it said so
    by_design: bool = False  # nothing failed: the exchange wants to look once more before it acts

    @property
    def accepted(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer. Names of headers are in lower case; `body` is cut off far above what is expected."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line(Protocol):
    """The way to one target: its address, its certificates, its credentials, its time-out; no redirects."""

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` is taken below the target's address, and is empty for the address itself; it is plain text, not
        percent-encoded.

        Raises LineError when no answer came, or the path would lead out of the address.
        """
        ...

    def signed(self, delivery: Delivery) -> Mapping[str, str]:
        """Headers of Standard Webhooks for this message, signed now."""
        ...

    def judge(self, answer: Answer) -> Reply:
        """What an answer means by the common rules: 2xx accepts, 410 is gone, Retry-After is kept, the rest failed."""
        ...


Exchange: TypeAlias = Callable[[Line, Delivery], Awaitable[Reply]]
"""One try to bring one message across; lets LineError pass."""


class LineError(Exception):
    """No answer came; the text says why and quotes no address."""


async def post(line: Line, delivery: Delivery) -> Reply:
    """The signed POST of Standard Webhooks."""
    headers = {**line.signed(delivery), "content-type": delivery.content_type}
    return line.judge(await line.request("POST", body=delivery.body, headers=headers))
