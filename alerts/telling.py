"""Which targets hear of a step, and the messages that tell them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b

import msgspec

from alerts.formats import FORMATS, Notice
from alerts.formats.facts import CALLBACK
from alerts.settings import AlertSettings
from alerts.sla import clocks
from alerts.targets import About, TargetSettings
from alerts.tickets import Action
from gateway.core.inventory import Inventory
from gateway.core.model import Incident
from gateway.core.ticket import ENDED, Delivery, Ticket, Transition

_ABOUT = {Action.WARN: About.WARNING, Action.ESCALATE: About.BREACH}
_TO_THE_END = frozenset({Action.CLOSE, Action.CANCEL, Action.MERGE, Action.REOPEN})


def digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def message_id(subject: str, revision: int, target: str) -> str:
    """The webhook-id: the same however often the message is made or sent."""
    return f"msg_{digest(f'{subject}/{revision}/{target}')}"


def path_of(node: str, inventory: Inventory) -> frozenset[str]:
    """Ids of a node and of those above it; of one that the network does not have, itself."""
    network = inventory.network
    if node not in network:
        return frozenset({node})
    return frozenset(network.ids[i] for i in network.path(network.index(node)))


class Teller:
    """Puts a ticket's steps into the targets' formats."""

    def __init__(self, inventory: Inventory, settings: AlertSettings) -> None:
        self._inventory = inventory
        self._settings = settings
        self.targets = [(target, FORMATS.get(target.format)) for target in settings.targets]

    def tell(
        self,
        ticket: Ticket,
        transition: Transition,
        incident: Incident,
        *,
        storming: bool,
        merged_into: str | None = None,
        split_from: str | None = None,
    ) -> tuple[Ticket, tuple[Delivery, ...]]:
        """The ticket with all targets that know of it now, and a message to each that is to hear of this step.

        Whoever knows of a ticket hears of it to its end, whatever the filters say by then: of what the target is
        about, and in any case when it ends or is open again. Whose filter begins to match hears of it while it lives.
        A service system is not told what it asked for itself.
        """
        notice = Notice(
            ticket=ticket,
            transition=transition,
            incident=incident,
            inventory=self._inventory,
            public_url=self._settings.public_url,
            max_devices=self._settings.max_devices,
            clocks=clocks(ticket, self._settings.sla),
            merged_into=merged_into,
            split_from=split_from,
        )
        deliveries = tuple(self._deliveries(notice, storming=storming))
        know = [delivery.target for delivery in deliveries]
        know += [target.name for target, _ in self.targets if transition.origin == CALLBACK + target.name]
        told = ticket.told + tuple(name for name in know if name not in ticket.told)
        return msgspec.structs.replace(ticket, told=told), deliveries

    def _deliveries(self, notice: Notice, *, storming: bool) -> Iterator[Delivery]:
        ticket, step = notice.ticket, notice.transition
        path = path_of(ticket.node, self._inventory)
        for target, form in self.targets:
            if not self._hears(target, notice, path, storming=storming):
                continue
            first = target.name not in ticket.told
            message = form.ticket(replace(notice, first=first, options=target.options))
            if message is not None:
                yield Delivery(
                    id=message_id(ticket.id, ticket.revision, target.name),
                    subject=ticket.id,
                    ticket=ticket.id,
                    revision=ticket.revision,
                    target=target.name,
                    created_at=step.at,
                    body=message.body,
                    content_type=message.content_type,
                )

    def _hears(self, target: TargetSettings, notice: Notice, path: frozenset[str], *, storming: bool) -> bool:
        ticket, action = notice.ticket, Action(notice.transition.action)
        if notice.transition.origin == CALLBACK + target.name or (ticket.drill and not target.drills):
            return False
        about = _ABOUT.get(action, About.TICKET) in target.about
        if target.name in ticket.told:
            muted = storming and action is Action.UPDATE and About.STORM in target.about
            return (about or action in _TO_THE_END) and not muted
        return (
            about
            and ticket.state not in ENDED
            and target.wants(
                kind=notice.incident.kind,
                severity=ticket.severity,
                area=ticket.area,
                path=path,
                drill=bool(ticket.drill),
            )
        )
