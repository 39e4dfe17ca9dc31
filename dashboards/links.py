"""Where a row leads: to the operations page, and to the dashboard that shows more of the same thing."""

from __future__ import annotations

from typing import Literal

from dashboards.words import Words

View = Literal["incident", "ticket", "device", "node"]

_PAGE = {
    "incident": "The incident on the operations page",
    "ticket": "The ticket on the operations page",
    "device": "The device on the operations page",
    "node": "The place on the operations page",
}
Link = dict[str, object]


def uid(words: Words, name: str) -> str:
    """Of the dashboard `name` ("supply-reliability") in the language of the words."""
    return f"feederline-{name}" + ("" if words.language == "en" else f"-{words.language}")


def tag(words: Words) -> str:
    """What the dashboards of one language find each other by."""
    return "feederline" if words.language == "en" else f"feederline-{words.language}"


def page(words: Words, view: View, field: str) -> Link:
    """To the row's incident, ticket, device or node on the operations page; `field` is the column with its id."""
    return _link(words(_PAGE[view]), f"${{page:raw}}/#/{view}/${{__data.fields.{field}:percentencode}}")


def dashboard(words: Words, title: str, name: str, **variables: str) -> Link:
    """To the dashboard `name` with the range of time, and each variable set from a column of the row."""
    query = [f"var-{key}=${{__data.fields.{field}:percentencode}}" for key, field in variables.items()]
    query += ["${datasource:queryparam}", "${__url_time_range}"]
    return _link(words(title), f"/d/{uid(words, name)}?{'&'.join(query)}")


def _link(title: str, url: str) -> Link:
    return {"title": title, "url": url, "targetBlank": False}
