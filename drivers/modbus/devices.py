"""The polled devices of an inventory, each with what its profile and its row say."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.modbus.address import Endpoint, parse_address, parse_endpoint
from drivers.modbus.decode import Decoder
from drivers.modbus.poll import Device, Past
from drivers.modbus.ring import Ring
from drivers.profile import Profile
from gateway.core import inventory as core
from gateway.core.errors import InvalidInputError
from gateway.core.model import Float64s
from gateway.core.registry import Registry


def faults_of(inventory: core.Inventory, profiles: Registry[Profile]) -> Sequence[str]:
    """What is wrong with the Modbus devices of an inventory; connects to nothing."""
    try:
        devices_of(inventory, profiles)
    except InvalidInputError as exc:
        return exc.faults
    return ()


def devices_of(
    inventory: core.Inventory, profiles: Registry[Profile]
) -> tuple[dict[Endpoint, list[Device]], dict[Endpoint, list[int]]]:
    """(polled devices, unpolled concentrators) by endpoint. Raises InvalidInputError with all that is wrong."""
    polled: dict[Endpoint, list[Device]] = {}
    concentrators: dict[Endpoint, list[int]] = {}
    decoders: dict[str, tuple[Decoder, Ring | None]] = {}
    taken: dict[tuple[Endpoint, int], str] = {}
    faults: list[str] = []
    for key in inventory.of_protocol("modbus"):
        row = inventory.device(key)
        try:
            if row.kind == core.DeviceKind.CONCENTRATOR.word and not row.profile:
                concentrators.setdefault(parse_endpoint(row.address.partition("/")[0]), []).append(key)
                continue
            endpoint, unit = parse_address(row.address)
        except ValueError as exc:
            faults.append(f"device {row.id!r}: {exc}")
            continue
        if (other := taken.setdefault((endpoint, unit), row.id)) != row.id:
            faults.append(f"device {row.id!r}: unit {unit} of {endpoint.source} is device {other!r} already")
        if not row.profile:
            faults.append(f"device {row.id!r}: profile is missing; there are: {', '.join(profiles.names())}")
            continue
        if row.profile not in decoders:
            try:
                profile = profiles.get(row.profile)
                decoders[row.profile] = Decoder(profile), Ring(profile) if profile.load_profile else None
            except InvalidInputError as exc:
                faults += [f"device {row.id!r}: {fault}" for fault in exc.faults]
                continue
        decoder, ring = decoders[row.profile]
        try:
            factors, past = _factors(row, decoder), _past(row, ring)
        except ValueError as exc:
            faults.append(f"device {row.id!r}: {exc}")
            continue
        polled.setdefault(endpoint, []).append(Device(key, unit, decoder, factors, past))
    if faults:
        raise InvalidInputError(faults)
    return polled, concentrators


def _past(row: core.Device, ring: Ring | None) -> Past | None:
    """None where it keeps none. Raises ValueError for a column `load_profile` that cannot be."""
    word = row.attributes.get("load_profile", "").strip().lower()
    if word not in ("", "yes", "no"):
        raise ValueError(f"load_profile {word!r} is neither yes nor no")
    if ring is None and word == "yes":
        raise ValueError(f"load_profile is yes, but profile {row.profile!r} says nothing of one")
    if ring is None or word == "no":
        return None
    return Past(ring, ring.decoder.factors(_ratio(row, "ct_ratio"), _ratio(row, "pt_ratio")))


def _factors(row: core.Device, decoder: Decoder) -> Float64s | None:
    factors = decoder.factors(_ratio(row, "ct_ratio"), _ratio(row, "pt_ratio"))
    return None if (factors == 1.0).all() else factors


def _ratio(row: core.Device, name: str) -> float:
    """`40` or `200/5`; 1 where nothing is written. Raises ValueError."""
    text = row.attributes.get(name, "").strip()
    if not text:
        return 1.0
    above, slash, below = text.partition("/")
    try:
        ratio = float(above) / (float(below) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0 < ratio < 1e6:
        raise ValueError(f"{name} {text!r} is not a ratio such as 40 or 200/5")
    return ratio
