"""How a ticket's step is put into a message. Formats are pure but for their exchange, and are found by name."""

from __future__ import annotations

from alerts.formats.bulletins import alarm, storm
from alerts.formats.chat import CHAT
from alerts.formats.jira import JIRA
from alerts.formats.notice import AlarmNotice, Clock, Format, Message, Notice, Options, StormNotice
from alerts.formats.servicenow import SERVICENOW
from alerts.formats.standard import standard
from alerts.formats.template import TEMPLATE
from gateway.core.registry import Registry

FORMATS: Registry[Format] = Registry("ticket format")
FORMATS.add("standard", Format(ticket=standard, storm=storm, alarm=alarm))
FORMATS.add("servicenow", SERVICENOW)
FORMATS.add("jira", JIRA)
FORMATS.add("template", TEMPLATE)
FORMATS.add("chat", CHAT)

__all__ = ["FORMATS", "AlarmNotice", "Clock", "Format", "Message", "Notice", "Options", "StormNotice"]
