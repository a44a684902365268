"""A streamed chat or completion, as the plain answer that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_ONCE = frozenset({"id", "type", "role", "name", "object"})
"""Names whose text comes whole; every other text comes in pieces."""


class _Text:
    """A text that grows by pieces."""

    __slots__ = ("pieces",)

    def __init__(self, first: str) -> None:
        self.pieces = [first]


def reassemble_chat(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ``chat.completion`` or ``text_completion`` of *events*; an error in band is its ``error``."""
    answer: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        for name, value in event.items():
            if name == "choices":
                _take_choices(choices, value)
            elif value is not None or name not in answer:
                answer[name] = value
    if answer.get("object") == "chat.completion.chunk":
        answer["object"] = "chat.completion"
    answer["choices"] = [_settled(choices[index]) for index in sorted(choices)]
    return answer


def _take_choices(choices: dict[int, dict[str, Any]], told: object) -> None:
    for each in told if isinstance(told, list) else ():
        if not isinstance(each, dict):
            continue
        index = each.get("index", 0)
        choice = choices.setdefault(index if isinstance(index, int) else 0, {"index": index})
        for name, value in each.items():
            if name == "delta" and isinstance(value, dict):
                grow(choice.setdefault("message", {}), value)
            elif name in ("text", "logprobs"):
                grow(choice, {name: value})
            elif value is not None or name not in choice:
                choice[name] = value


def grow(target: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add *delta* to *target*: texts are joined, lists extended (by ``index`` where members have one), objects merged."""
    for name, value in delta.items():
        if isinstance(value, str):
            _append(target, name, value)
        elif isinstance(value, dict):
            if not isinstance(target.get(name), dict):
                target[name] = {}
            grow(target[name], value)
        elif isinstance(value, list):
            if not isinstance(target.get(name), list):
                target[name] = []
            _extend(target[name], value)
        elif value is not None or name not in target:
            target[name] = value


def _append(target: dict[str, Any], name: str, text: str) -> None:
    known = target.get(name)
    if isinstance(known, _Text):
        known.pieces.append(text)
    elif name not in _ONCE:
        target[name] = _Text(text)
    elif not known:
        target[name] = text


def _extend(known: list[Any], told: list[Any]) -> None:
    for each in told:
        index = each.get("index") if isinstance(each, dict) else None
        if not isinstance(index, int):
            known.append(each)
            continue
        member = next((one for one in known if isinstance(one, dict) and one.get("index") == index), None)
        if member is None:
            member = {"index": index}
            known.append(member)
        grow(member, each)


def _settled(value: Any) -> Any:
    if isinstance(value, _Text):
        return "".join(value.pieces)
    if isinstance(value, dict):
        return {name: _settled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_settled(each) for each in value]
    return value
