"""The bodies that Grafana 11.6 documents for what we send, as JSON schemas: nothing besides, and no other types.

From its HTTP API reference and its OpenAPI definitions: CreateFolderCommand, UpdateFolderCommand, AddDataSourceCommand,
UpdateDataSourceCommand, SaveDashboardCommand, EmbeddedContactPoint, Route, ProvisionedAlertRule, MetricRequest.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
YES_NO: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
UID: Schema = {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$", "maxLength": 40}
TITLE: Schema = {"type": "string", "minLength": 1, "maxLength": 190}
DURATION: Schema = {
    "type": "string",
    "pattern": r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
    "minLength": 2,
}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


FOLDER_NEW = _object({"uid": UID, "title": TITLE, "parentUid": UID, "description": TEXT}, "title")
FOLDER_CHANGED = _object(
    {"title": TITLE, "description": TEXT, "version": WHOLE, "overwrite": YES_NO}, "title"
)

_DATASOURCE: dict[str, Schema] = {
    "name": TITLE,
    "type": TEXT,
    "access": {"enum": ["proxy", "direct"]},
    "url": TEXT,
    "user": TEXT,
    "database": TEXT,
    "basicAuth": YES_NO,
    "basicAuthUser": TEXT,
    "withCredentials": YES_NO,
    "isDefault": YES_NO,
    "jsonData": _object(
        {
            "database": TEXT,
            "sslmode": {"enum": ["disable", "require", "verify-ca", "verify-full"]},
            "tlsConfigurationMethod": {"enum": ["file-path", "file-content"]},
            "tlsAuth": YES_NO,
            "tlsAuthWithCACert": YES_NO,
            "tlsSkipVerify": YES_NO,
            "postgresVersion": WHOLE,
            "timescaledb": YES_NO,
            "maxOpenConns": WHOLE,
            "maxIdleConns": WHOLE,
            "maxIdleConnsAuto": YES_NO,
            "connMaxLifetime": WHOLE,
            "timeInterval": TEXT,
        }
    ),
    "secureJsonData": _object(
        {"password": TEXT, "tlsCACert": TEXT, "tlsClientCert": TEXT, "tlsClientKey": TEXT}
    ),
    "uid": UID,
}
DATASOURCE_NEW = _object(_DATASOURCE, "name", "type", "access")
DATASOURCE_CHANGED = _object({**_DATASOURCE, "version": WHOLE}, "name", "type", "access")

DASHBOARD = _object(
    {
        "dashboard": {
            "type": "object",
            "properties": {
                "id": {"type": ["integer", "null"]},
                "uid": UID,
                "title": TITLE,
                "version": WHOLE,
                "schemaVersion": WHOLE,
                "tags": {"type": "array", "items": TEXT},
                "panels": {"type": "array", "items": {"type": "object", "required": ["type"]}},
                "templating": _object({"list": {"type": "array"}}),
                "annotations": _object({"list": {"type": "array"}}),
                "time": _object({"from": TEXT, "to": TEXT}),
            },
            "required": ["uid", "title"],
        },
        "folderUid": {"type": "string"},
        "folderId": WHOLE,
        "message": {"type": "string", "maxLength": 500},
        "overwrite": YES_NO,
        "isFolder": YES_NO,
        "userId": WHOLE,
    },
    "dashboard",
)

CONTACT_POINT = {
    **_object(
        {
            "uid": {**UID, "minLength": 1},
            "name": TITLE,
            "type": {"enum": ["email", "webhook"]},  # of some thirty
            "settings": {"type": "object"},
            "disableResolveMessage": YES_NO,
            "provenance": TEXT,
        },
        "name",
        "type",
        "settings",
    ),
    "allOf": [
        {
            "if": {"properties": {"type": {"const": "webhook"}}},
            "then": {
                "properties": {
                    "settings": _object(
                        {
                            "url": {"type": "string", "pattern": "^https?://"},
                            "httpMethod": {"enum": ["POST", "PUT"]},
                            "username": TEXT,
                            "password": TEXT,
                            "authorization_scheme": TEXT,
                            "authorization_credentials": TEXT,
                            "maxAlerts": TEXT,
                            "title": TEXT,
                            "message": TEXT,
                        },
                        "url",
                    )
                }
            },
        },
        {
            "if": {"properties": {"type": {"const": "email"}}},
            "then": {
                "properties": {
                    "settings": _object(
                        {
                            "addresses": {"type": "string", "minLength": 3},
                            "singleEmail": YES_NO,
                            "message": TEXT,
                            "subject": TEXT,
                        },
                        "addresses",
                    )
                }
            },
        },
    ],
}

ROUTE: Schema = {
    "$defs": {
        "route": _object(
            {
                "receiver": TEXT,
                "group_by": {"type": "array", "items": TEXT},
                "match": TEXTS,
                "match_re": TEXTS,
                "matchers": {"type": "array"},
                "object_matchers": {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "prefixItems": [TEXT, {"enum": ["=", "!=", "=~", "!~"]}, TEXT],
                        "minItems": 3,
                        "maxItems": 3,
                    },
                },
                "mute_time_intervals": {"type": "array", "items": TEXT},
                "active_time_intervals": {"type": "array", "items": TEXT},
                "continue": YES_NO,
                "group_wait": DURATION,
                "group_interval": DURATION,
                "repeat_interval": DURATION,
                "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
                "provenance": TEXT,
            }
        )
    },
    "allOf": [{"$ref": "#/$defs/route"}],
    "required": ["receiver"],
}

_RANGE = _object({"from": WHOLE, "to": WHOLE}, "from", "to")
_QUERY = _object(
    {
        "refId": {"type": "string", "minLength": 1},
        "queryType": TEXT,
        "relativeTimeRange": _RANGE,
        "datasourceUid": TEXT,
        "model": {"type": "object", "required": ["refId"]},
    },
    "refId",
    "datasourceUid",
    "model",
)
NO_DATA: Schema = {"enum": ["Alerting", "NoData", "OK", "KeepLast"]}
FAILING: Schema = {"enum": ["Alerting", "Error", "OK", "KeepLast"]}
_RULE: dict[str, Schema] = {
    "uid": {**UID, "minLength": 1},
    "title": TITLE,
    "condition": TEXT,
    "data": {"type": "array", "items": _QUERY, "minItems": 1},
    "noDataState": NO_DATA,
    "execErrState": FAILING,
    "for": DURATION,
    "annotations": TEXTS,
    "labels": TEXTS,
    "isPaused": YES_NO,
    "notification_settings": {"type": "object", "required": ["receiver"]},
}
ALERT_RULE = _object(
    {
        **_RULE,
        "id": WHOLE,
        "orgID": WHOLE,
        "folderUID": TEXT,
        "ruleGroup": TITLE,
        "updated": TEXT,
        "provenance": TEXT,
        "keep_firing_for": DURATION,
        "record": {"type": "object"},
    },
    "orgID",
    "folderUID",
    "ruleGroup",
    "title",
    "condition",
    "data",
    "noDataState",
    "execErrState",
    "for",
)

QUERY = _object(
    {
        "queries": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["refId", "datasource", "rawSql", "format"]},
        },
        "from": TEXT,
        "to": TEXT,
        "debug": YES_NO,
    },
    "queries",
    "from",
    "to",
)

# What Grafana reads of files below its folder provisioning/alerting.
_ORG: Schema = {"orgId": WHOLE}
RULE_FILE = _object(
    {
        "apiVersion": {"const": 1},
        "groups": {
            "type": "array",
            "items": _object(
                {
                    **_ORG,
                    "name": TITLE,
                    "folder": TITLE,
                    "interval": DURATION,
                    "rules": {
                        "type": "array",
                        "items": _object(
                            {**_RULE, "dashboardUid": TEXT, "panelId": WHOLE, "keepFiringFor": DURATION},
                            "uid",
                            "title",
                            "condition",
                            "data",
                        ),
                    },
                },
                "name",
                "folder",
                "interval",
                "rules",
            ),
        },
    },
    "apiVersion",
    "groups",
)
CONTACT_POINT_FILE = _object(
    {
        "apiVersion": {"const": 1},
        "contactPoints": {
            "type": "array",
            "items": _object(
                {
                    **_ORG,
                    "name": TITLE,
                    "receivers": {
                        "type": "array",
                        "items": _object(
                            {
                                "uid": UID,
                                "type": TEXT,
                                "settings": {"type": "object"},
                                "disableResolveMessage": YES_NO,
                            },
                            "uid",
                            "type",
                            "settings",
                        ),
                    },
                },
                "name",
                "receivers",
            ),
        },
    },
    "apiVersion",
    "contactPoints",
)
POLICY_FILE = {
    **_object(
        {
            "apiVersion": {"const": 1},
            "policies": {
                "type": "array",
                "items": {
                    **ROUTE["$defs"]["route"],
                    "properties": {**_ORG, **ROUTE["$defs"]["route"]["properties"]},
                },
            },
        },
        "apiVersion",
        "policies",
    ),
    "$defs": ROUTE["$defs"],
}


def faults(schema: Schema, body: object) -> list[str]:
    """What of `body` the schema does not allow, each with where it is."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(body)]
