"""A named collection of interchangeable parts (payload mappings, ticket formats, benchmarks)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from gateway.core.errors import InvalidInputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to parts. A second registration of a name is a mistake of ours and stops the program."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, T] = {}

    def add(self, name: str, part: T) -> T:
        if name in self._parts:
            raise RuntimeError(f"{self.kind} {name!r} is registered twice")
        self._parts[name] = part
        return part

    def get(self, name: str) -> T:
        """Return the part of that name.

        Raises:
            InvalidInputError: the name is unknown; the message lists what exists.
        """
        try:
            return self._parts[name]
        except KeyError:
            raise InvalidInputError(
                [f"unknown {self.kind} {name!r}; there are: {', '.join(self.names())}"]
            ) from None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._parts))

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())
