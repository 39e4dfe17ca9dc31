"""The detector's state as bytes and back. Devices and nodes are written by name: a changed inventory still restores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import structs

from gateway.core.inventory import Inventory
from gateway.core.model import (
    IncidentKind,
    IncidentState,
    Instruction,
    Interruption,
    PlannedOutage,
    Purpose,
    Question,
)
from processors.outage.announced import Announced
from processors.outage.asking import Asked, Asking
from processors.outage.book import Book
from processors.outage.evidence import Absence, Evidence
from processors.outage.instructed import Instructed
from processors.outage.open import Opener
from processors.outage.silence import Silence
from processors.outage.state import COLUMNS, Flag, Keys
from processors.outage.story import Story

_T = TypeVar("_T")
MAGIC = b"feederline-outage-6\n"
_MEMBERS = {"start": np.int64, "end": np.int64, "step": np.int32, "due": np.int64, "told": np.int64}


class _StoryState(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: IncidentKind
    node: str
    phases: str
    state: IncidentState
    started_at: int
    detected_at: int
    restored_at: int
    parent: str
    confidence: float
    path: str
    direct_by: str
    alone: bool
    passed: list[str]
    reference: str
    planned_node: str
    planned_from: int
    planned_to: int
    asked: int
    unanswered: int
    unverified: bool
    outlasted: int
    customers: int
    revision: int
    settled_at: int
    doubted_at: int
    returned_at: int
    review_at: int
    held_from: int
    relapsed_at: int
    kept_answering: bool
    confirmed_by: str
    split_from: str
    published_at: int
    signature: tuple[int, ...]
    past: list[Interruption]
    untold: int
    keys: list[int]
    members: dict[str, bytes]


class _AskingState(msgspec.Struct, frozen=True, kw_only=True):
    outstanding: dict[int, Asked]
    answered: dict[int, int]
    refused: dict[int, int]
    last: dict[int, int]
    counts: list[tuple[str, Purpose, int]]
    recent: list[int]
    questions: list[Question]


class _State(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    ids: list[str]
    columns: dict[str, bytes]
    touched: bytes
    paths: list[str]
    listening: bool
    next_due: int
    ignored: int
    absences: dict[str, tuple[int, int]]
    pending: dict[str, int]
    stirred: list[str]
    review: dict[str, int]
    direct: dict[int, int]
    nested: dict[int, str]
    waiting: list[int]
    excused: dict[int, int]
    instructions: list[Instruction]
    again: list[str]
    withdrawn: dict[str, int]
    faulted: dict[int, int]
    dirty: list[int]
    asked: _AskingState
    planned: list[PlannedOutage]
    planned_changed: bool
    announced: list[tuple[str, str, int]]
    announced_review: list[tuple[str, str, int]]
    stories: list[_StoryState]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode
_PLAIN = [
    "id", "kind", "node", "phases", "state", "started_at", "detected_at", "restored_at", "parent", "confidence", "path",
    "direct_by", "alone", "passed", "reference", "planned_node", "planned_from", "planned_to", "asked", "unanswered",
    "unverified", "outlasted", "customers", "revision", "settled_at", "doubted_at", "returned_at",
    "review_at", "held_from", "relapsed_at", "kept_answering", "confirmed_by", "split_from",
    "published_at", "signature", "untold",
]  # fmt: skip


class Parts(NamedTuple):
    """The parts of a detector that have a state."""

    evidence: Evidence
    book: Book
    opener: Opener
    silence: Silence
    announced: Announced
    asking: Asking
    instructed: Instructed


def save(at: int, parts: Parts) -> bytes:
    evidence, book, opener, silence, announced, asking, instructed = parts
    evidence.flush()
    nodes = book.network.ids
    order = sorted(book.stories)
    state = _State(
        at=at,
        ids=list(evidence.inventory.ids),
        columns={name: getattr(evidence, name).tobytes() for name in COLUMNS},
        touched=evidence.touched.tobytes(),
        paths=sorted(evidence.paths, key=evidence.paths.__getitem__),
        listening=evidence.listening,
        next_due=evidence.next_due,
        ignored=evidence.ignored,
        absences={source: (away.start, away.end) for source, away in evidence.absences.items()},
        pending={nodes[area]: since for area, since in opener.pending.items()},
        review={nodes[area]: when for area, when in opener.review.items()},
        stirred=sorted(nodes[area] for area in opener.stirred),
        direct=opener.direct,
        nested=opener.nested,
        waiting=sorted(silence.waiting),
        excused=silence.excused,
        instructions=instructed.waiting,
        withdrawn={nodes[node]: when for node, when in opener.withdrawn.items()},
        again=sorted(nodes[node] for node in opener.again),
        faulted=evidence.faulted,
        asked=_AskingState(
            outstanding=book.asked,
            answered=book.answered,
            refused=asking.refused,
            last=asking.last,
            counts=[(*key, count) for key, count in asking.counts.items()],
            recent=asking.recent,
            questions=asking.questions,
        ),
        planned=book.plans.all(),
        planned_changed=book.plans.changed,
        announced=[(*key, since) for key, since in announced.waiting.items()],
        announced_review=[(*key, when) for key, when in announced.review.items()],
        dirty=[i for i, slot in enumerate(order) if slot in book.dirty],
        stories=[_story_state(book.stories[slot]) for slot in order],
    )
    return MAGIC + _encode(state)


def _story_state(story: Story) -> _StoryState:
    return _StoryState(
        **{name: getattr(story, name) for name in _PLAIN},
        past=story.past,
        keys=story.keys.tolist(),
        members={name: getattr(story, name).tobytes() for name in _MEMBERS},
    )


def load(data: bytes, parts: Parts) -> int:
    """Fill fresh parts from a snapshot; returns its time.

    Raises:
        ValueError: not a snapshot of this detector and version.
    """
    evidence, book, opener, silence, announced, asking, instructed = parts
    if not data.startswith(MAGIC):
        raise ValueError("not a snapshot of the outage detector, or of another version of it")
    try:
        state = _decode(memoryview(data)[len(MAGIC) :])
    except msgspec.DecodeError as exc:
        raise ValueError(f"damaged snapshot of the outage detector: {exc}") from exc
    inventory: Inventory = evidence.inventory
    found = [inventory.key(name) for name in state.ids]
    new = np.array([-1 if key is None else key for key in found], np.int64)
    old = np.flatnonzero(new >= 0)
    for name, dtype in COLUMNS.items():
        getattr(evidence, name)[new[old]] = np.frombuffer(state.columns[name], dtype)[old]
    evidence.touched[new[old]] = np.frombuffer(state.touched, np.bool_)[old]
    evidence.flags[new[old]] &= ~Flag.TERMINAL
    evidence.flags[evidence.terminal] |= Flag.TERMINAL
    # Numbers of paths mean something only beside their names.
    numbers = np.array([evidence.path_index(name) for name in state.paths], np.int32)
    evidence.session[new[old]] = numbers[evidence.session[new[old]]]
    evidence.listening = state.listening
    if state.listening:
        unknown = np.setdiff1d(np.arange(len(inventory)), new[old])
        evidence.listen(unknown, state.at)
    evidence.next_due = min(evidence.next_due, state.next_due)
    evidence.ignored = state.ignored
    evidence.absences = {source: Absence(*absence) for source, absence in state.absences.items()}
    network = book.network
    opener.pending = {network.index(node): since for node, since in state.pending.items() if node in network}
    opener.review = {network.index(node): when for node, when in state.review.items() if node in network}
    opener.stirred = {network.index(node) for node in state.stirred if node in network}
    opener.direct = {int(new[key]): since for key, since in state.direct.items() if new[key] >= 0}
    opener.nested = {int(new[key]): parent for key, parent in state.nested.items() if new[key] >= 0}
    silence.waiting = {int(new[key]) for key in state.waiting if new[key] >= 0}
    silence.excused = {int(new[key]): at for key, at in state.excused.items() if new[key] >= 0}
    instructed.waiting = list(state.instructions)
    opener.withdrawn = {
        network.index(node): when for node, when in state.withdrawn.items() if node in network
    }
    opener.again = {network.index(node) for node in state.again if node in network}
    evidence.faulted = {int(new[key]): since for key, since in state.faulted.items() if new[key] >= 0}
    _ask(state.asked, asking, new)
    book.plans.at = state.at
    for window in state.planned:
        book.plans.put(window)
    book.plans.changed = state.planned_changed
    announced.waiting = {(reference, node): since for reference, node, since in state.announced}
    announced.review = {(reference, node): when for reference, node, when in state.announced_review}
    rows = {name: row for row, name in enumerate(inventory.ids)}
    known = np.array([rows.get(name, -1) for name in state.ids], np.int64)
    book.resumed_at = state.at
    for i, saved in enumerate(state.stories):
        slot = book.add(_story(saved, known))
        keys = book.stories[slot].keys
        book.owner[keys] = slot
        if i in state.dirty or not evidence.listed[keys].all() or not len(keys):
            book.dirty.add(slot)
    return state.at


def _ask(saved: _AskingState, asking: Asking, new: Keys) -> None:
    def named(by_key: Mapping[int, _T]) -> dict[int, _T]:
        return {int(new[key]): value for key, value in by_key.items() if new[key] >= 0}

    asking.outstanding.update(named(saved.outstanding))
    asking.book.answered.update(named(saved.answered))
    asking.book.refused.update(named(saved.refused))
    asking.last = named(saved.last)
    asking.counts = {(incident, purpose): count for incident, purpose, count in saved.counts}
    asking.recent = list(saved.recent)
    asking.questions = [
        structs.replace(question, device=int(new[question.device]))
        for question in saved.questions
        if new[question.device] >= 0
    ]


def _story(saved: _StoryState, new: Keys) -> Story:
    keys = new[np.array(saved.keys, np.int64)] if saved.keys else np.empty(0, np.int64)
    order = np.argsort(keys, kind="stable")
    order = order[keys[order] >= 0]
    story = Story(**{name: getattr(saved, name) for name in _PLAIN}, past=list(saved.past))
    story.keys = keys[order]
    for name, dtype in _MEMBERS.items():
        setattr(story, name, np.frombuffer(saved.members[name], dtype)[order].copy())
    return story
