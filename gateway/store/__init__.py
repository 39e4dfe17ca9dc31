"""The database: schema, readings, incidents, tickets, outbox, reports. Nothing else in the project speaks SQL."""

from gateway.store.inventory import InventoryDiff
from gateway.store.migrate import Migrated
from gateway.store.settings import DatabaseSettings
from gateway.store.store import Store
from gateway.store.writer import Written

__all__ = ["DatabaseSettings", "InventoryDiff", "Migrated", "Store", "Written"]
