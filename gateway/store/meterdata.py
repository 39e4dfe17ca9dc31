"""Meter data in the database: readings in columns, intervals and their versions, the collection account, the gaps.

Devices are the inventory's local keys; the database's own are looked up here. Devices that the database has and this
gateway does not know are left out of every answer. Every method raises UnavailableError while the database is away.
"""

from __future__ import annotations

from gateway.store.collection import CollectionBook
from gateway.store.edits import EditBook
from gateway.store.gaps import GapBook
from gateway.store.intervals import IntervalBook
from gateway.store.lates import Progress
from gateway.store.meterchanges import ChangeBook


class MeterData(IntervalBook, EditBook, ChangeBook, CollectionBook, GapBook, Progress):
    """All that the job over the database and the API ask of it, in one place."""
