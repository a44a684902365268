"""A streamed response, as the plain answer that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_WHOLE = frozenset({"response.completed", "response.incomplete", "response.failed"})
_TEXTS = {
    "response.output_text.delta": ("content", "content_index", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "text"),
}
"""By event: the list of an item, what says which member of it, and the text that grows."""
_ARGUMENTS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_KINDS = {"text": "output_text", "refusal": "refusal"}


def reassemble_response(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the response of *events*: as its last event has it; of a stream that was cut, as far as it came."""
    response: dict[str, Any] = {}
    partial = _Partial()
    error: object = None
    for event in events:
        kind, told = event.get("type"), event.get("response")
        if isinstance(told, dict):
            response = {**response, **told}
            if kind in _WHOLE:
                return response
        elif kind == "error" or "error" in event:
            error = event.get("error") or {name: value for name, value in event.items() if name not in ("type", "sequence_number")}
        else:
            partial.take(event)
    output = partial.output()
    if output or "output" not in response:
        response["output"] = output
    if error is not None:
        response["error"] = error
    return response


class _Partial:
    """The items of a response that has not ended."""

    def __init__(self) -> None:
        self._items: dict[int, dict[str, Any]] = {}
        self._done: set[int] = set()
        self._texts: dict[tuple[int, str, int, str], list[str]] = {}
        self._arguments: dict[tuple[int, str], list[str]] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        kind, at, delta = event.get("type"), event.get("output_index", 0), event.get("delta")
        if not isinstance(at, int):
            return
        item = event.get("item")
        if isinstance(item, dict):
            self._items[at] = item
            if kind == "response.output_item.done":
                self._done.add(at)
        elif isinstance(delta, str) and kind in _TEXTS:
            where, index, name = _TEXTS[kind]
            number = event.get(index, 0)
            self._texts.setdefault((at, where, number if isinstance(number, int) else 0, name), []).append(delta)
        elif isinstance(delta, str) and kind in _ARGUMENTS:
            self._arguments.setdefault((at, _ARGUMENTS[kind]), []).append(delta)

    def output(self) -> list[dict[str, Any]]:
        """Return the items in order; those that are not done with what came of them."""
        items = {at: dict(item) for at, item in self._items.items()}
        for (at, where, _, name), pieces in sorted(self._texts.items()):
            if at not in self._done:
                item = items.setdefault(at, {"type": "message"})
                member = {"type": _KINDS.get(name, "text") if where == "content" else "summary_text", name: "".join(pieces)}
                item[where] = [*(item.get(where) or []), member]
        for (at, name), pieces in self._arguments.items():
            if at not in self._done:
                items.setdefault(at, {"type": "function_call"})[name] = "".join(pieces)
        return [items[at] for at in sorted(items)]
