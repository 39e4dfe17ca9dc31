"""Which device of the gateway is which row of the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gateway.core.errors import NotStorableError
from gateway.core.model import GATEWAY, Int32s


class DeviceKeys:
    """keys: int32[n], device_key of local key i;  customers: int32[n], customers of local key i."""

    def __init__(self, keys: Int32s, customers: Int32s) -> None:
        self.keys = keys
        self.customers = customers
        self._order = np.argsort(keys, kind="stable")

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, local: int) -> int | None:
        """device_key, or None for the gateway itself.

        Raises NotStorableError for a device that the store has not been told of.
        """
        if local == GATEWAY:
            return None
        if not 0 <= local < len(self.keys):
            raise NotStorableError(f"device {local} is not one of the {len(self.keys)} of the inventory")
        return int(self.keys[local])

    def of(self, locals_: Sequence[int]) -> list[int]:
        """device_key of each; none of them may be the gateway."""
        at = np.asarray(locals_, np.int64).reshape(-1)
        if len(at) and (at.min() < 0 or at.max() >= len(self.keys)):
            raise NotStorableError(f"devices outside the {len(self.keys)} of the inventory")
        found: list[int] = self.keys[at].tolist()
        return found

    def column(self, locals_: Int32s) -> Int32s:
        """device_key of each: int32[n]; none of them may be the gateway."""
        if len(locals_) and (locals_.min() < 0 or locals_.max() >= len(self.keys)):
            raise NotStorableError(f"devices outside the {len(self.keys)} of the inventory")
        return self.keys[locals_]

    def local_column(self, device_keys: Int32s) -> Int32s:
        """The local key of each database key: int32[n], −1 where this gateway does not know it."""
        if not len(self.keys):
            return np.full(len(device_keys), -1, np.int32)
        place = np.searchsorted(self.keys, device_keys, sorter=self._order)
        row = self._order[np.minimum(place, len(self.keys) - 1)]
        return np.where(self.keys[row] == device_keys, row, -1).astype(np.int32)

    def local(self, device_keys: Iterable[int]) -> list[int]:
        """Local keys of database keys; those that this gateway does not know are left out."""
        return [local for local in self.local_or_none(device_keys) if local is not None]

    def local_or_none(self, device_keys: Iterable[int]) -> list[int | None]:
        """The local key of each database key, None where this gateway does not know it."""
        wanted = np.fromiter(device_keys, np.int64)
        if not len(self.keys):
            return [None] * len(wanted)
        place = np.searchsorted(self.keys, wanted, sorter=self._order)
        row = self._order[np.minimum(place, len(self.keys) - 1)]
        known = self.keys[row] == wanted
        return [local if here else None for local, here in zip(row.tolist(), known.tolist(), strict=True)]
