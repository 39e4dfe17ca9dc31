"""SQL files as targets of Grafana panels, for its PostgreSQL datasource."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

DATASOURCE_TYPE = "grafana-postgresql-datasource"
DATASOURCE_UID = "feederline"
DATASOURCE = DataSourceRef(type_val=DATASOURCE_TYPE, uid="${datasource}")
"""Whatever the dashboard's variable `datasource` names; the provisioned one, uid `feederline`, unless changed."""

_FOLDER = Path(__file__).parent / "queries"
_ALIAS = re.compile(r'\bas\s+"([^"]+)"', re.IGNORECASE)


def names() -> tuple[str, ...]:
    """Every query there is a file of."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.sql")))


@cache
def text(name: str) -> str:
    """The SQL of queries/<name>.sql with Grafana's macros in it. Raises FileNotFoundError."""
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip()


def columns(name: str) -> tuple[str, ...]:
    """The columns of queries/<name>.sql that stand in quotes. One with a capital is shown, by its word in the
    language; one without (`"time"`, `"incident_id"`) is for Grafana and for links."""
    return tuple(dict.fromkeys(_ALIAS.findall(text(name))))


def is_shown(column: str) -> bool:
    return column != column.lower()


class SqlTarget(Dataquery):
    """One target as the datasource's plugin reads it; the SDK knows no PostgreSQL of its own."""

    def __init__(self, name: str, *, ref_id: str, series: bool) -> None:
        self.name = name
        self.ref_id = ref_id
        self.series = series

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "format": "time_series" if self.series else "table",
            "rawQuery": True,
            "rawSql": text(self.name),
            "refId": self.ref_id,
        }


class Sql(Builder[Dataquery]):
    """Builder of a target from queries/<name>.sql; `series` for results with a column "time" drawn over time."""

    def __init__(self, name: str, *, ref_id: str = "A", series: bool = False) -> None:
        self._target = SqlTarget(name, ref_id=ref_id, series=series)

    def build(self) -> Dataquery:
        return self._target
