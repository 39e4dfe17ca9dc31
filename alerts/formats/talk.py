"""What exchanges with more than one request have in common: a request that is judged, and an answer that is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alerts.exchange import Answer, Line, Reply

JSON = {"content-type": "application/json", "accept": "application/json"}


class TalkError(Exception):
    """The exchange ends here, with this reply."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.error)


async def ask(
    line: Line,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    document: object = None,
    missing: bool = False,
) -> Answer | None:
    """One request with a JSON body, or none. None is a 404, where `missing` allows it.

    Raises TalkError for an answer that does not accept, LineError for none.
    """
    body = None if document is None else msgspec.json.encode(document)
    answer = await line.request(method, path, query=query, body=body, headers=JSON)
    if missing and answer.status == 404:
        return None
    reply = line.judge(answer)
    if not reply.accepted:
        raise TalkError(reply)
    return answer


async def ask_object(
    line: Line,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    document: object = None,
    missing: bool = False,
) -> dict[str, Any] | None:
    """The answer's JSON object. Raises TalkError also when it is none: a login page comes with status 200 as well."""
    answer = await ask(line, method, path, query=query, document=document, missing=missing)
    if answer is None:
        return None
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise failed(answer.status, "the answer is no JSON object, as a login page is not") from None


def failed(status: int, error: str) -> TalkError:
    return TalkError(Reply(status=status, error=error))
