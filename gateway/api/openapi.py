"""The machine-readable description: who may call what, and everything that it may answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel

from gateway.api.access.gate import Needs
from gateway.api.problems import (
    BODY,
    COMMON,
    FOUND,
    FaultsOut,
    ImpossibleOut,
    ProblemOut,
    Responses,
    StaleOut,
)

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "feederline token create makes one"},
    "session": {"type": "apiKey", "in": "cookie", "name": "feederline", "description": "of the page"},
}
_MODELS: tuple[type[BaseModel], ...] = (ProblemOut, FaultsOut, ImpossibleOut, StaleOut)
_PLACES = ("node", "below", "parent", "under")  # query parameters that name what may not be there
_LATE: Responses = {408: {"model": ProblemOut, "description": "The body did not arrive in time"}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document; made once, and kept."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    components = found.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    for model in _MODELS:
        schemas.setdefault(model.__name__, model.model_json_schema())
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = found["paths"].get(route.path_format or "", {}).get(method.lower())
            if operation is not None:
                _complete(operation, route, method)
    return found


def _complete(operation: dict[str, Any], route: RouteContext, method: str) -> None:
    path = route.path_format or ""
    if not route.operation_id:
        operation["operationId"] = re.sub(r"\W+", "_", f"{method.lower()} {path}").strip("_")
    needs = [*_needs(route.dependant)]
    told: Responses = {code: answer for code, answer in COMMON.items() if needs or code != 401}
    if method != "GET":
        told[401] = COMMON[401]  # what is not signed in is signed, or is about to be
    if needs:
        operation["security"] = [{name: []} for name in _SCHEMES]
        role = max(need.role for need in needs).word
        text = operation.get("description", "").strip()
        operation["description"] = f"{text}\n\nNeeds the role `{role}`.".strip()
    else:
        operation["security"] = []
    if any(given["in"] == "path" or given["name"] in _PLACES for given in operation.get("parameters", ())):
        told |= FOUND
    if "requestBody" in operation:
        told |= BODY | _LATE
    answers = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(answers.get("422", "")):
        del answers["422"]
    for code, answer in told.items():
        answers.setdefault(str(code), _answer(answer))


def _needs(dependant: Dependant) -> Iterator[Needs]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Needs):
            yield dependency.call
        yield from _needs(dependency)


def _answer(told: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{told['model'].__name__}"}
    return {"description": told["description"], "content": {"application/json": {"schema": reference}}}
