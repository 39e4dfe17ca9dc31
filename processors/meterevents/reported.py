"""What meters tell of themselves, by register or message: events that begin, end, or are of a moment."""

from __future__ import annotations

from msgspec import structs

from gateway.core.model import MeterEvent, MeterEventKind, Signal, SignalKind

_Kind = MeterEventKind
_KINDS = {kind.value: kind for kind in MeterEventKind}
_LETTERS = ("A", "B", "C")
_TAMPERED = (
    ("magnet", _Kind.MAGNETIC_FIELD),
    ("terminal", _Kind.TERMINAL_COVER_OPEN),
    ("cover", _Kind.COVER_OPEN),
)


class Reported:
    """`open`: what goes on, as told;  `ended`: when a kind of a device last ended: what is older is news no more."""

    def __init__(self) -> None:
        self.open: dict[tuple[int, MeterEventKind, str], MeterEvent] = {}
        self.ended: dict[tuple[int, MeterEventKind, str], int] = {}
        self.notes: list[MeterEvent] = []

    def notice(self, signal: Signal) -> None:
        at = signal.received_at
        if signal.occurred_at is not None:
            at = min(at, signal.occurred_at)
        if signal.kind is SignalKind.METER_EVENT:
            words = signal.detail.partition(";")[0].split()
            if words and (kind := _KINDS.get(words[0])) is not None:
                phase = next((word for word in words[1:] if word in _LETTERS), "")
                self._hear((signal.device, kind, phase), at, over="end" in words[1:])
        elif signal.kind is SignalKind.TAMPER:
            told = signal.detail.lower()
            named = next((kind for word, kind in _TAMPERED if word in told), None)
            if named is not None:
                self._moment((signal.device, named, ""), at)

    def _hear(self, which: tuple[int, MeterEventKind, str], at: int, *, over: bool) -> None:
        standing = self.open.get(which)
        if not over:
            if standing is None and at > self.ended.get(which, -1):
                self.open[which] = self._tell(which, at, None)
        elif standing is None:
            self._moment(which, at)  # its beginning was not heard
        else:
            del self.open[which]
            self.ended[which] = max(at, standing.started_at)
            self.notes.append(structs.replace(standing, ended_at=self.ended[which]))

    def _moment(self, which: tuple[int, MeterEventKind, str], at: int) -> None:
        """Of what nothing tells how long it lasts."""
        if which not in self.open and at > self.ended.get(which, -1):
            self.ended[which] = at
            self._tell(which, at, at)

    def _tell(
        self, which: tuple[int, MeterEventKind, str], started_at: int, ended_at: int | None
    ) -> MeterEvent:
        device, kind, phase = which
        event = MeterEvent(
            device=device,
            kind=kind,
            phase=phase,
            started_at=started_at,
            ended_at=ended_at,
            source="device",
        )
        self.notes.append(event)
        return event
