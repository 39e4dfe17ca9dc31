"""The tree as arrays agrees with a tree walked the slow way, and a million points fit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import InvalidInputError
from gateway.core.network import Network, NodeKind, phase_letters, phase_mask


@st.composite
def forests(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Names and parents of a random forest, in any order."""
    count = draw(st.integers(1, 40))
    parents = [draw(st.integers(-1, i - 1)) for i in range(count)]
    order = draw(st.permutations(range(count)))
    return [f"n{i}" for i in order], ["" if parents[i] < 0 else f"n{parents[i]}" for i in order]


def build(ids: list[str], parents: list[str]) -> Network:
    return Network(ids, parents, ["section"] * len(ids))


def ancestors(name: str, parent: dict[str, str]) -> list[str]:
    chain = [name]
    while parent[chain[-1]]:
        chain.append(parent[chain[-1]])
    return chain


@given(forests())
def test_every_question_agrees_with_walking_the_tree(forest: tuple[list[str], list[str]]) -> None:
    ids, parents = forest
    parent = dict(zip(ids, parents, strict=True))
    network = build(ids, parents)
    weights = np.arange(1, len(ids) + 1)
    sums = network.subtree_sums(weights)
    for name in ids:
        node = network.index(name)
        chain = ancestors(name, parent)
        below = {other for other in ids if name in ancestors(other, parent)}
        assert [network.ids[i] for i in network.path(node)] == chain[::-1]
        assert network.level[node] == len(chain) - 1
        assert set(network.ids[network.subtree(node)]) == below
        assert sums[node] == sum(int(weights[network.index(other)]) for other in below)
        assert all(network.is_below(network.index(other), node) == (other in below) for other in ids)
        for other in ids:
            shared = [up for up in chain if up in ancestors(other, parent)]
            found = network.ids[network.lowest_above([node, network.index(other)])]
            assert found == shared[0] if shared else not parent[found]


def test_siblings_keep_the_order_in_which_they_were_written() -> None:
    network = build(["b", "root", "a", "c", "a1"], ["root", "", "root", "root", "a"])
    assert network.ids == ("root", "b", "a", "a1", "c")


def test_the_nearest_node_of_a_kind_above() -> None:
    network = Network(
        ["s", "f", "t", "m", "lone"], ["", "s", "f", "t", "f"],
        ["substation", "feeder", "transformer", "service", "service"],
    )  # fmt: skip
    above = network.ancestor_of_kind(NodeKind.TRANSFORMER)
    assert {network.ids[i]: int(above[i]) for i in range(5)} == {
        "s": -1, "f": -1, "t": network.index("t"), "m": network.index("t"), "lone": -1,
    }  # fmt: skip


def test_every_fault_is_listed() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Network(
            ["a", "a", "b", "c", "d", "e", "f"], ["", "x", "c", "b", "b", "f", "e"],
            ["fuse", "fuse", "tree", "fuse", "fuse", "fuse", "fuse"],
        )  # fmt: skip
    text = str(caught.value)
    assert "'a' is there already" in text
    assert "'x' is not a node" in text
    assert "'tree' is not one of" in text
    assert "a cycle: b -> c -> b" in text
    assert "a cycle: e -> f -> e" in text
    assert text.count("cycle") == 2


@pytest.mark.parametrize(("letters", "mask"), [("ABC", 7), ("A", 1), ("CB", 6), ("", 7)])
def test_phases(letters: str, mask: int) -> None:
    assert phase_mask(letters) == mask
    assert set(phase_letters(mask)) == set(letters or "ABC")


@pytest.mark.parametrize("letters", ["D", "AA", "abc", "A B"])
def test_wrong_phases_are_refused(letters: str) -> None:
    with pytest.raises(ValueError, match="are not made of A, B and C"):
        phase_mask(letters)


_MILLION = """
import resource
from gateway.core.network import Network

def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

before = rss()
ids, parents, kinds = ["S"], [""], ["substation"]
for t in range(20_000):
    ids.append(f"T{t}"); parents.append("S"); kinds.append("transformer")
    for m in range(50):
        ids.append(f"T{t}M{m}"); parents.append(ids[-1 - m - 1]); kinds.append("service")
network = Network(ids, parents, kinds)
assert network.size[network.index("T7")] == 51
print(len(network), rss() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory in use from /proc")
def test_a_million_metering_points_fit_in_a_few_hundred_megabytes() -> None:
    output = subprocess.run(
        [sys.executable, "-c", _MILLION], check=True, capture_output=True, text=True
    ).stdout
    count, megabytes = output.split()
    assert int(count) == 1_020_001
    assert float(megabytes) < 400  # names and the lists that they were read from included
