"""Errors as types. Each says whether trying again can help; foreign errors are wrapped once, at the boundary."""

from __future__ import annotations

from collections.abc import Iterable


class FeederlineError(Exception):
    """Base of every error this project raises on purpose.

    `retry` tells a supervisor whether the same call may succeed later without anyone changing anything.
    """

    retry: bool = False


class UnavailableError(FeederlineError):
    """Something outside is not there now: a broker, a database, a device. Try again, with back-off."""

    retry = True


class RefusedError(FeederlineError):
    """The other side understood and said no: wrong password, unknown database, missing privilege."""


class InvalidInputError(FeederlineError):
    """Input that a person gave is wrong. Carries every fault found, each naming its file, line or key."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("\n".join(self.faults))


class NotStorableError(FeederlineError):
    """The store refused this very entry and always will; it belongs in the dead letters, not in a retry."""


class ImpossibleError(FeederlineError):
    """What was asked for cannot be done as things are. `possible` names what can."""

    def __init__(self, message: str, possible: Iterable[str] = ()) -> None:
        self.possible: tuple[str, ...] = tuple(possible)
        super().__init__(message)


class StaleError(FeederlineError):
    """Somebody else was faster: the thing has changed since it was read. `revision` is what it has now."""

    def __init__(self, message: str, revision: int) -> None:
        self.revision = revision
        super().__init__(message)


class NotFoundError(FeederlineError):
    """There is no such thing, or none that the one who asks may know of."""


def first_of(group: BaseExceptionGroup[FeederlineError]) -> FeederlineError:
    """The first error of a task group in which nothing else went wrong."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner
