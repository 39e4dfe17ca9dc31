"""From what is out of limits to incidents: opened, told again when they change, closed, merged into wider ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gateway.core.clock import MINUTE, SECOND
from gateway.core.inventory import Inventory
from gateway.core.model import Bools, Change, Event, Int32s
from gateway.core.network import phase_letters
from processors.outage.facts import place
from processors.quality import words
from processors.quality.conditions import Condition
from processors.quality.frequencies import Frequencies
from processors.quality.rollup import Keys, RollUp
from processors.quality.settings import QualitySettings
from processors.quality.stories import Place, Story, name_of
from processors.quality.windows import Windows

_OF_PLACES = (Condition.OVERLOAD, Condition.REVERSE_POWER, Condition.OVERHEATING)
_WELL = "back within limits"
_HIGH_IS_WORSE = (Condition.HIGH_VOLTAGE, Condition.UNBALANCE, *_OF_PLACES)


class Book:
    """Open incidents by condition and place; `muted` are places about which a person said that it is nothing, until
    they have recovered."""

    def __init__(self, inventory: Inventory, settings: QualitySettings, windows: Windows) -> None:
        self.inventory = inventory
        self.network = inventory.network
        self.settings = settings
        self.windows = windows
        self.roll_up = RollUp(inventory, settings)
        self.stories: dict[Place, Story] = {}
        self.muted: set[Place] = set()
        self.frequencies = Frequencies(inventory, settings, windows)
        self.events: list[Event] = []
        self._by_node = np.argsort(inventory.node, kind="stable")
        self._nodes = inventory.node[self._by_node]

    # -- concluding ------------------------------------------------------------------------------------------------

    def conclude(self, at: int) -> None:
        """Hold what is out of limits now against what is told."""
        self.windows.forget(at)
        for condition in words.OF_POINTS:
            self._points(condition, at)
        for condition in _OF_PLACES:
            self._places(condition, at)
        self._frequency(at)

    def _points(self, condition: Condition, at: int) -> None:
        windows = self.windows
        out = windows.out[:, condition]
        seen = windows.observed(condition, at) | out  # who was out when last seen
        if condition is Condition.UNBALANCE:  # one phase out of limits is told as such
            out = out & ~windows.out[:, [Condition.LOW_VOLTAGE, Condition.HIGH_VOLTAGE]].any(axis=1)
        standing = {p: s for p, s in self.stories.items() if p[0] == condition}
        if not (out.any() or standing or any(p[0] == condition for p in self.muted)):
            return
        known = {s.group for s in standing.values() if s.whole}
        whole_before = {self.network.index(group) for group in known if group in self.network}
        owner, whole = self.roll_up.owners(out, seen, whole_before)
        found: dict[Place, Story] = {}
        for node, members in _by_owner(owner):
            story = self._story(condition, node, members, at)
            self._size(story, node, members, (out, seen), whole=bool(whole[node]))
            found[story.place] = story
        self._apply(condition, found, at)

    def _places(self, condition: Condition, at: int) -> None:
        windows = self.windows
        out = windows.out[:, condition]
        owner = np.where(out, windows.points.place, -1)
        found: dict[Place, Story] = {}
        for node, members in _by_owner(owner):
            story = self._story(condition, node, members, at)
            below = self._below(node)
            story.node, story.whole, story.observed = self.network.ids[node], True, len(members)
            story.phases = self._phases(members)
            story.customers = int(self.inventory.customers[below].sum())
            found[story.place] = story
        self._apply(condition, found, at)

    def _frequency(self, at: int) -> None:
        settings = self.settings
        band, nominal = settings.frequency_band_hz, settings.nominal_hz
        standing = {p[1]: s for p, s in self.stories.items() if p[0] == Condition.FREQUENCY}
        found: dict[Place, Story] = {}
        for name, hertz, heard in self.frequencies.judge(at, sorted(standing)):
            story = standing.get(name)
            if story is None:
                end = at - round(settings.grace_s * SECOND)
                since = end - end % self.windows.length - self.windows.length * settings.hold_windows
                story = self._fresh(Condition.FREQUENCY, name, since, at, limit=band)
            found[story.place] = story
            if not heard:
                continue
            if math.isnan(story.worst) or abs(hertz - nominal) > abs(story.worst - nominal):
                story.worst = hertz
            story.node, story.whole, story.observed, story.phases = name, True, heard, "ABC"
            story.limit = nominal + math.copysign(band, story.worst - nominal)
            below = self._below(self.network.index(name))
            story.customers = int(self.inventory.customers[below].sum())
        self._apply(Condition.FREQUENCY, found, at)

    def _apply(self, condition: Condition, found: dict[Place, Story], at: int) -> None:
        """Open what is new, tell what changed, end what is no longer there."""
        self.muted = {p for p in self.muted if p[0] != condition or p in found}
        opened = [s for p, s in found.items() if p not in self.stories and p not in self.muted]
        for story in opened:
            self.stories[story.place] = story
            self.tell(story, at, Change.OPENED)
        for story in found.values():
            if story.place in self.stories and story.told != story.signature():
                self.tell(story, at, Change.UPDATED)
        for gone in [self.stories[p] for p in sorted(self.stories) if p[0] == condition and p not in found]:
            above = self._wider(gone)
            if above is not None:
                over = f"now part of what concerns {place(self.network, above.node)}"
                self.end(gone, at, Change.MERGED, over, parent=above.id)
            else:
                over = self._how_it_ended(gone, at)
                self.end(gone, at, Change.CLOSED, over, restored=over == _WELL)

    def _how_it_ended(self, story: Story, at: int) -> str:
        windows = self.windows
        if story.condition is Condition.FREQUENCY:
            heard = self.frequencies.told(story.group, at)
        else:
            if windows.out[story.members, story.condition].any():
                return "what is still out of limits is told by itself"
            heard = bool(windows.observed(story.condition, at)[story.members].any())
        return _WELL if heard else "not observed any more"

    def _wider(self, story: Story) -> Story | None:
        """The one that holds its place now."""
        if story.group not in self.network:
            return None
        for node in self.network.path(self.network.index(story.group))[-2::-1]:
            found = self.stories.get((story.condition, self.network.ids[node]))
            if found is not None and found.whole:
                return found
        return None

    # -- one incident ----------------------------------------------------------------------------------------------

    def _fresh(self, condition: Condition, group: str, since: int, at: int, *, limit: float) -> Story:
        return Story(
            id=name_of(condition, group, at),
            condition=condition,
            group=group,
            node=group,
            whole=False,
            phases="",
            started_at=since,
            detected_at=at,
            members=[],
            observed=0,
            customers=0,
            worst=math.nan,
            worst_by="",
            limit=limit,
        )

    def _story(self, condition: Condition, node: int, members: Keys, at: int) -> Story:
        """The one that stands, or a new one, with these members and the worst they showed; told where it changed."""
        windows, group = self.windows, self.network.ids[node]
        sign = 1 if condition in _HIGH_IS_WORSE else -1
        worst = members[int(np.argmax(np.nan_to_num(sign * windows.last[members, condition], nan=-np.inf)))]
        since = int(windows.since[members, condition].min())
        value, limit = self._figures(condition, int(worst))
        standing = self.stories.get((condition, group))
        story = standing or self._fresh(condition, group, since, at, limit=limit)
        if standing is None or math.isnan(story.worst) or sign * (value - story.worst) > 0:
            story.worst, story.worst_by, story.limit = value, self.inventory.ids[worst], limit
        story.members = members.tolist()
        return story

    def _figures(self, condition: Condition, key: int) -> tuple[float, float]:
        """(value, limit) in the unit of the condition."""
        windows, points, settings = self.windows, self.windows.points, self.settings
        value = float(windows.last[key, condition])
        nominal, rated = float(points.nominal[key]), float(points.rated_kva[key])
        match condition:
            case Condition.LOW_VOLTAGE:
                return value * nominal, float(points.low[key]) * nominal
            case Condition.HIGH_VOLTAGE:
                return value * nominal, float(points.high[key]) * nominal
            case Condition.UNBALANCE:
                return value, settings.unbalance_percent
            case Condition.OVERLOAD:
                return value, rated * settings.overload
            case Condition.REVERSE_POWER:
                return value, max(settings.reverse_share * rated, float(points.generation_kw[key]))
            case _:
                return value, float(windows.heat_bound(windows.usual[[key]])[0])

    def _size(
        self, story: Story, node: int, members: Keys, state: tuple[Bools, Bools], *, whole: bool
    ) -> None:
        """How far it reaches. Of a place that is affected as a whole, who is not heard is taken to be, too."""
        out, seen = state
        network, inventory = self.network, self.inventory
        shown = node if whole else network.lowest_above(inventory.node[members])
        below = self._below(shown)
        judged = below[seen[below] & self.roll_up.judging[below]]
        affected = below[out[below] | ~seen[below]] if whole else members
        story.node, story.whole, story.observed = network.ids[shown], whole, len(judged)
        story.customers = int(inventory.customers[affected].sum())
        story.phases = self._phases(members, story.condition)

    def _phases(self, members: Keys, condition: Condition | None = None) -> str:
        if condition in (Condition.LOW_VOLTAGE, Condition.HIGH_VOLTAGE):
            masks = self.windows.phases[members, int(condition)] & self.inventory.phases[members]
            if found := int(np.bitwise_or.reduce(masks)):
                return phase_letters(found)
        return phase_letters(int(np.bitwise_or.reduce(self.inventory.phases[members])))

    def tell(self, story: Story, at: int, change: Change) -> None:
        facts = self._facts(story)
        event = story.event(at, change, summary=words.summary(facts), evidence=words.evidence(facts))
        self.events.append(event)

    def end(
        self,
        story: Story,
        at: int,
        change: Change,
        over: str,
        *,
        restored: bool = False,
        parent: str = "",
        by: str = "",
        reason: str = "",
    ) -> None:
        del self.stories[story.place]
        facts = self._facts(story, over)
        event = story.event(
            at,
            change,
            summary=words.summary(facts),
            evidence=words.evidence(facts),
            restored=restored,
            parent=parent,
            by=by,
            reason=reason,
        )
        self.events.append(event)

    def absorb(self, story: Story, other: Story, at: int) -> None:
        """Two of one place, of which the other one goes on."""
        facts = self._facts(story, "told twice")
        told = (words.summary(facts), words.evidence(facts))
        self.events.append(story.event(at, Change.MERGED, summary=told[0], evidence=told[1], parent=other.id))

    def _facts(self, story: Story, over: str = "") -> words.Facts:
        return words.Facts(
            condition=story.condition,
            place=place(self.network, story.node),
            group=story.group,
            whole=story.whole,
            members=len(story.members),
            observed=max(story.observed, len(story.members)),
            worst=story.worst,
            worst_by=story.worst_by,
            limit=story.limit,
            since=story.started_at,
            minutes=max(1, round(self.windows.length / MINUTE)),
            over=over,
            confirmed=bool(story.confirmed_by),
        )

    # -- places ----------------------------------------------------------------------------------------------------

    def _below(self, node: int) -> Keys:
        """Keys of the devices at and below a node."""
        low, high = np.searchsorted(self._nodes, [node, node + int(self.network.size[node])])
        return self._by_node[low:high]


def _by_owner(owner: Int32s) -> Iterator[tuple[int, Keys]]:
    """Each node that something belongs to, with the keys that do, in order."""
    keys = np.flatnonzero(owner >= 0)
    keys = keys[np.argsort(owner[keys], kind="stable")]
    nodes, starts = np.unique(owner[keys], return_index=True)
    if len(nodes):
        yield from zip(nodes.tolist(), np.split(keys, starts[1:]), strict=True)
