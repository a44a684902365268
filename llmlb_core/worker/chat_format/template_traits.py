"""What a chat template knows, found out by rendering probes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import product

from attrs import frozen

from llmlb_core.worker.chat_format.template import Template, TemplateRefused

_SYSTEM = "probe-of-system"
_USER = "probe-of-user"
_TOOL = "probe_of_tool"
_CALL = "probe_of_call"
_RESULT = "probe-of-result"
_ARGUMENTS = {"probe_key": "probe-of-value"}
_ARGUMENTS_TEXT = '{"probe_key": "probe-of-value"}'
_DESCRIBED = {
    "type": "function",
    "function": {
        "name": _TOOL,
        "description": "Probe.",
        "parameters": {"type": "object", "properties": {"probe_key": {"type": "string", "description": "Probe."}}},
    },
}

TemplateMessage = Mapping[str, object]


@frozen
class CallForm:
    """How a template wants earlier tool calls.

    Attributes:
        has_null_content: Whether a message with calls and without text has None as its text, not an empty string.
        has_text_arguments: Whether arguments are JSON text, not a mapping.
        has_short_ids: Whether ids must be nine letters and digits.
        is_single: Whether a message may hold one call only.
    """

    has_null_content: bool = False
    has_text_arguments: bool = False
    has_short_ids: bool = False
    is_single: bool = False


class Traits:
    """What *template* knows. Each trait is found when it is first asked for, in well under a millisecond a probe."""

    def __init__(self, template: Template) -> None:
        """Ask *template*."""
        self._template = template

    @property
    def knows_developer(self) -> bool:
        """Whether it tells ``developer`` from ``system``."""
        return "developer" in self._template.source

    @property
    def is_harmony(self) -> bool:
        """Whether its model answers in channels."""
        return "<|channel|>" in self._template.source

    @cached_property
    def takes_parts(self) -> bool:
        """Whether it shows text only as a list of parts."""
        if _USER in self._render([{"role": "user", "content": _USER}]):
            return False
        return _USER in self._render([{"role": "user", "content": [{"type": "text", "text": _USER}]}])

    @cached_property
    def takes_system(self) -> bool:
        """Whether it shows a system message."""
        return _SYSTEM in self._render([self._message("system", _SYSTEM), self._message("user", _USER)])

    @cached_property
    def takes_tools(self) -> bool:
        """Whether it describes tools to its model."""
        return _TOOL in self._render([self._message("user", _USER)], [_DESCRIBED])

    @cached_property
    def call_form(self) -> CallForm | None:
        """How it shows earlier tool calls and their results; None where it does not."""
        for has_short_ids, has_text_arguments, has_null_content in product((False, True), repeat=3):
            form = CallForm(has_null_content, has_text_arguments, has_short_ids)
            if self._shows(form, 1):
                return (
                    form if self._shows(form, 2) else CallForm(has_null_content, has_text_arguments, has_short_ids, is_single=True)
                )
        return None

    def _shows(self, form: CallForm, count: int) -> bool:
        """Whether *count* calls in one message are shown in *form*."""
        calls, results = [], []
        for index in range(count):
            call_id = f"probe0{index:03}" if form.has_short_ids else f"call_probe_{index}"
            function = {"name": f"{_CALL}{index}", "arguments": _ARGUMENTS_TEXT if form.has_text_arguments else _ARGUMENTS}
            calls.append({"id": call_id, "type": "function", "function": function})
            results.append({"role": "tool", "content": f"{_RESULT}{index}", "tool_call_id": call_id, "name": f"{_CALL}{index}"})
        called = {"role": "assistant", "content": None if form.has_null_content else "", "tool_calls": calls}
        shown = self._render([self._message("user", _USER), called, *results], [_DESCRIBED])
        wanted = [_ARGUMENTS["probe_key"], *(f"{name}{index}" for name in (_CALL, _RESULT) for index in range(count))]
        # A mapping written as Python writes it, or JSON quoted once more, is not what the model was trained on.
        return all(text in shown for text in wanted) and "'probe_key'" not in shown and '\\"probe_key' not in shown

    def _message(self, role: str, text: str) -> TemplateMessage:
        return {"role": role, "content": [{"type": "text", "text": text}] if self.takes_parts else text}

    def _render(self, messages: Sequence[TemplateMessage], tools: Sequence[TemplateMessage] | None = None) -> str:
        try:
            return self._template.render(messages, tools=tools, variables={"bos_token": "", "eos_token": ""})
        except TemplateRefused:
            return ""


@lru_cache(maxsize=16)
def traits_of(template: Template) -> Traits:
    """Return the traits of *template*; the last few are remembered."""
    return Traits(template)
