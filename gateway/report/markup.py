"""HTML and SVG as a tree, so that no name can ever become markup: text is text until the very end."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

Child: TypeAlias = "Element | str | Iterable[Element | str | None] | None"


def el(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """`el("td", "12", class_="number")`: a trailing underscore of an attribute is dropped, others become hyphens;
    None leaves it out. Children: elements, text, None, or several of these."""
    made = Element(
        tag, {_name(name): clean(_text(value)) for name, value in attributes.items() if value is not None}
    )
    for child in children:
        for one in [child] if isinstance(child, (str, Element)) else child or ():
            if isinstance(one, Element):
                made.append(one)
            elif one:
                _append(made, clean(one))
    return made


def document(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + body + b"\n"


def clean(text: str) -> str:
    """Without what no reader sees and what turns the direction of the text around it."""
    return "".join("\ufffd" if _unseen(char) else char for char in text)


def shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _unseen(char: str) -> bool:
    return char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn")


def _append(made: Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text


def _name(name: str) -> str:
    return name.rstrip("_") if name.endswith("_") else name.replace("_", "-")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else format(round(value, 2), "g")
