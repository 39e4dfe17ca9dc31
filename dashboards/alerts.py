"""The alert rules as code, and the files that provision them: generated/alerting/*.json.

A rule is one query that gives a number for each thing it watches (string columns become labels), and a threshold. Each
rule is there once, whatever the language of the dashboards: its annotations say the same in English and in Chinese.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from dashboards.query import DATASOURCE_TYPE, DATASOURCE_UID, text
from dashboards.words import Words

FOLDER_TITLE = "Feederline alerts"
GROUP = "Feederline"
INTERVAL = "1m"
"""The interval that Grafana gives a new group; rules that are put one by one leave a group's interval as it is."""
CONTACT_POINT = "Feederline"
LABEL, VALUE = "system", "feederline"
"""What all our alerts carry, and what the notification policy asks for."""
MAIL_VARIABLE = "FEEDERLINE_ALERTS_EMAIL"

Severity = Literal["critical", "warning"]
State = Literal["OK", "Alerting", "KeepLast"]

_EXPRESSION = "__expr__"
_QUERY, _CONDITION = "A", "B"
_LOOK_BACK_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `above`: it fires where the query's value is more than that, for as long as `lasting` says.

    `when_failing`: what to say when the query fails. Only the rule about a silent gateway fires then; the others keep
    what they said, so that a database that is away neither gives an all-clear nor seven alarms.
    """

    name: str
    title: str
    summary: str
    description: str
    severity: Severity
    dashboard: str
    view: str
    above: float
    lasting: str
    when_empty: State = "OK"
    when_failing: State = "KeepLast"

    @property
    def uid(self) -> str:
        return f"feederline-{self.name.replace('_', '-')}"

    @property
    def query(self) -> str:
        return f"alert_{self.name}"


RULES = (
    Rule(
        name="target_missed",
        title="Reliability target missed",
        summary="{{ $labels.target }} target of this {{ $labels.window }} is missed",
        description='Interruptions have used up {{ printf "%.0f" $values.A.Value }} % of what the target allows in its '
        "window; those that go on count up to now. In a calendar month or year it cannot be met any more.",
        severity="critical",
        dashboard="supply-reliability",
        view="now",
        above=0,
        lasting="5m",
    ),
    Rule(
        name="target_at_risk",
        title="Reliability target at risk",
        summary="{{ $labels.target }} target of this {{ $labels.window }} is at risk",
        description="At the rate of the window so far, interruptions will use up "
        '{{ printf "%.0f" $values.A.Value }} % of what the target allows by the end of its window.',
        severity="warning",
        dashboard="supply-reliability",
        view="now",
        above=0,
        lasting="1h",
    ),
    Rule(
        name="gateway_silent",
        title="Gateway silent",
        summary="No gateway writes to the database",
        description="Nothing was heard of a gateway for more than three minutes, or the database does not answer. What "
        "happens in the field is not seen meanwhile: everybody's supply is unknown.",
        severity="critical",
        dashboard="gateway-health",
        view="gateway",
        above=180,
        lasting="1m",
        when_empty="Alerting",
        when_failing="Alerting",
    ),
    Rule(
        name="gateway_lag",
        title="Gateway lags behind",
        summary="What is shown is older than five minutes",
        description='The gateway is {{ printf "%.0f" $values.A.Value }} s behind the field: it hears more than it can '
        "store, or the database is slow. Nothing is lost, but outages are seen late.",
        severity="warning",
        dashboard="gateway-health",
        view="gateway",
        above=300,
        lasting="5m",
    ),
    Rule(
        name="gateway_not_ready",
        title="Gateway not ready",
        summary="The gateway runs, but is not ready",
        description="The gateway says of itself that it is not ready; its page and /health/ready say what is missing.",
        severity="warning",
        dashboard="gateway-health",
        view="gateway",
        above=0,
        lasting="5m",
    ),
    Rule(
        name="deliveries",
        title="Messages undelivered",
        summary="{{ $labels.target }} does not get its messages: {{ $labels.problem }}",
        description='{{ printf "%.0f" $values.A.Value }} messages about tickets did not reach this service system: it '
        "is disabled, they are late, or they were given up within the last day. Its people may not know of an outage. "
        "The page shows deliveries and targets, and sends again what was given up.",
        severity="critical",
        dashboard="gateway-health",
        view="deliveries",
        above=0,
        lasting="1m",
    ),
    Rule(
        name="collection",
        title="Collection rate below its target",
        summary="Fewer intervals were collected than the target asks for",
        description="The collection rate of the last whole day falls short of its target by "
        '{{ printf "%.2f" $values.A.Value }} percentage points; what was estimated does not count as collected.',
        severity="warning",
        dashboard="meter-data",
        view="devices",
        above=0,
        lasting="30m",
    ),
)


class _Query(Dataquery):
    """The query of a rule; unlike a panel's it names its datasource, as a rule has no variables."""

    def __init__(self, name: str) -> None:
        self.name = name

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "editorMode": "code",
            "format": "table",
            "intervalMs": 1000,
            "maxDataPoints": 43200,
            "rawQuery": True,
            "rawSql": text(self.name),
            "refId": _QUERY,
        }


class _Sql(Builder[Dataquery]):
    def __init__(self, name: str) -> None:
        self._query = _Query(name)

    def build(self) -> Dataquery:
        return self._query


def _threshold(above: float) -> expr.TypeThreshold:
    condition = expr.ExprTypeThresholdConditions().evaluator(
        expr.ExprTypeThresholdConditionsEvaluator().params([above]).type("gt")
    )
    return (
        expr.TypeThreshold()
        .datasource(DataSourceRef(type_val=_EXPRESSION, uid=_EXPRESSION))
        .expression(_QUERY)
        .conditions([condition])
        .interval_ms(1000)
        .max_data_points(43200)
        .ref_id(_CONDITION)
    )


def _rule(rule: Rule, chinese: Words) -> dict[str, object]:
    """The rule as a provisioning file has it. The HTTP API wants to know besides where it goes: deploy/alerting.py."""
    annotations = {
        "summary": rule.summary,
        "description": rule.description,
        "summary_zh": chinese(rule.summary),
        "description_zh": chinese(rule.description),
        "page": f"{{{{ with $labels.page }}}}{{{{ . }}}}/#/{rule.view}{{{{ end }}}}",
        "dashboard": f"/d/feederline-{rule.dashboard}",
    }
    window = RelativeTimeRange(from_val=_LOOK_BACK_S, to=0)
    built = (
        alerting.Rule(f"{rule.title} · {chinese(rule.title)}")
        .uid(rule.uid)
        .queries(
            [
                alerting.Query(_QUERY)
                .datasource_uid(DATASOURCE_UID)
                .relative_time_range(window)
                .model(_Sql(rule.query)),
                alerting.Query(_CONDITION)
                .datasource_uid(_EXPRESSION)
                .relative_time_range(RelativeTimeRange(from_val=0, to=0))
                .model(_threshold(rule.above)),
            ]
        )
        .condition(_CONDITION)
        .for_val(rule.lasting)
        # The SDK's types know no KeepLast, which Grafana has had since 10.4.
        .no_data_state(cast("Literal['OK']", rule.when_empty))
        .exec_err_state(cast("Literal['OK']", rule.when_failing))
        .annotations(annotations)
        .labels({LABEL: VALUE, "severity": rule.severity})
        .is_paused(False)
        .build()
    )
    document: dict[str, object] = json.loads(json.dumps(built, cls=JSONEncoder))
    return {key: value for key, value in document.items() if key not in ("folderUID", "orgID", "ruleGroup")}


def files(words: Words) -> Mapping[str, str]:
    """Path below generated/ → text. The English of a text is its key, so that one run with the Chinese makes both."""
    if words.language != "zh":
        return {}
    route = {
        "receiver": CONTACT_POINT,
        "object_matchers": [[LABEL, "=", VALUE]],
        "group_by": ["grafana_folder", "alertname"],
        "continue": True,
    }
    documents: dict[str, dict[str, object]] = {
        "rules": {
            "groups": [
                {
                    "orgId": 1,
                    "name": GROUP,
                    "folder": FOLDER_TITLE,
                    "interval": INTERVAL,
                    "rules": [_rule(rule, words) for rule in RULES],
                }
            ]
        },
        "contact-points": {
            "contactPoints": [
                {
                    "orgId": 1,
                    "name": CONTACT_POINT,
                    "receivers": [
                        {
                            "uid": "feederline-email",
                            "type": "email",
                            "settings": {"addresses": f"${{{MAIL_VARIABLE}}}"},
                        }
                    ],
                }
            ]
        },
        "policies": {
            "policies": [
                {
                    "orgId": 1,
                    "receiver": "grafana-default-email",
                    "group_by": ["grafana_folder", "alertname"],
                    "routes": [route],
                }
            ]
        },
    }
    return {
        f"alerting/{name}.json": json.dumps({"apiVersion": 1, **document}, indent=2, ensure_ascii=False)
        + "\n"
        for name, document in documents.items()
    }
