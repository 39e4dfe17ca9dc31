"""Template variables. In SQL one is `${feeder:sqlstring}`; where "All" is offered that then is `'*'`, so a condition
reads `('*' in (${feeder:sqlstring}) or f.node_id in (${feeder:sqlstring}))`."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import query
from dashboards.words import Words

ALL = "'*'"


def datasource(words: Words) -> DatasourceVariable:
    return (
        DatasourceVariable("datasource")
        .label(words("Database"))
        .type(query.DATASOURCE_TYPE)
        .current(VariableOption(selected=True, text="Feederline", value=query.DATASOURCE_UID))
    )


def page(words: Words) -> QueryVariable:
    """Where the operations page is, from the gateway's configuration; nobody chooses it."""
    return _asked(words, "page", "Operations page").hide(VariableHide.HIDE_VARIABLE)


def feeder(words: Words, *, several: bool = True) -> QueryVariable:
    return _choice(words, "feeder", "Feeder", several=several)


def transformer(words: Words, *, several: bool = False) -> QueryVariable:
    """Those of the feeders chosen: the dashboard has the variable `feeder` before it."""
    return _choice(words, "transformer", "Transformer", several=several)


def one_transformer(words: Words) -> QueryVariable:
    """One of them, the first where nobody chose; never all."""
    return _asked(words, "transformer", "Transformer")


def device(words: Words) -> QueryVariable:
    """One device; the server looks for what is typed, as there may be a million."""
    return _asked(words, "device", "Device")


def incident(words: Words) -> QueryVariable:
    """One incident of the range shown, or all of it."""
    return _choice(words, "incident", "Incident", several=False).refresh(
        VariableRefresh.ON_TIME_RANGE_CHANGED
    )


def _choice(words: Words, name: str, label: str, *, several: bool) -> QueryVariable:
    return (
        _asked(words, name, label)
        .multi(several)
        .include_all(True)
        .all_value(ALL)
        .current(VariableOption(selected=True, text=words("All"), value="$__all"))
    )


def _asked(words: Words, name: str, label: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(words(label))
        .datasource(query.DATASOURCE)
        .query(query.text(f"var_{name}"))
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
    )
