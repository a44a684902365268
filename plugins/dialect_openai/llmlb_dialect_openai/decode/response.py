"""``POST /v1/responses``: its body as a ``ChatRequest``. No state is kept, so nothing can be referred to."""

from __future__ import annotations

from llmlb_core import ChatRequest, Decoded, Message, ResponseFormat, TextPart
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.chat import EFFORTS
from llmlb_dialect_openai.decode.parameters import (
    STORED,
    Effectless,
    effectless,
    ignored_names,
    read_hints,
    read_metadata,
    refuse,
)
from llmlb_dialect_openai.decode.response_items import read_items
from llmlb_dialect_openai.decode.sampling import read_sampling, read_stop
from llmlb_dialect_openai.decode.schema import read_format
from llmlb_dialect_openai.decode.tools import read_tool_choice, read_tools
from llmlb_dialect_openai.fields import Fields, wrong_type

LOGPROBS = "message.output_text.logprobs"

_NO_STATE = "no state is kept here. Send the earlier items in 'input' instead."
_REFUSED = {
    "previous_response_id": _NO_STATE,
    "conversation": _NO_STATE,
    "background": "no response is stored for later. Leave it out and wait, or stream.",
    "prompt": "no prompt templates are stored here. Send 'instructions' and 'input' instead.",
    "moderation": "no moderation model runs here. Leave it out.",
    "context_management": "nothing is compacted here. Send a shorter 'input'.",
}
# ``truncation: auto`` asks to drop items silently; here a prompt that is too long is an error that says so.
_EFFECTLESS: Effectless = {
    **STORED,
    "truncation": ("string", ("disabled",)),
    "max_tool_calls": ("integer", ()),
    "access_programs": ("object", ({},)),
    "background_options": ("object", ({},)),
    "image": ("object", ({},)),
}
_INCLUDABLE = frozenset(
    {
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        LOGPROBS,
    }
)


def decode_response(fields: Fields) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    refuse(fields, _REFUSED)
    ignored = [*effectless(fields, _EFFECTLESS), *_stream_options(fields)]
    user = read_hints(fields)
    read_metadata(fields)
    includes = _include(fields)
    ignored += [f"include[{name}]" for name in includes if name != LOGPROBS]
    tools = read_tools(fields, is_flat=True, strict_default=True)
    response_format, has_verbosity = _text(fields)
    effort, has_summary = _reasoning(fields)
    ignored += ["text.verbosity"] * has_verbosity + ["reasoning.summary"] * has_summary
    parallel = fields.boolean("parallel_tool_calls")
    top_logprobs = fields.integer("top_logprobs", 0, 20)
    logprobs = LOGPROBS in includes
    request = ChatRequest(
        messages=_messages(fields),
        sampling=read_sampling(fields, ("max_output_tokens",)),
        stop=read_stop(fields),
        logprobs=logprobs,
        top_logprobs=(top_logprobs or 0) if logprobs else 0,
        tools=tools,
        tool_choice=read_tool_choice(fields, tools, is_flat=True),
        parallel_tool_calls=parallel is not False,
        response_format=response_format,
        reasoning_effort=effort,
        user=user,
    )
    return Decoded(request, ignored_names([*ignored, *fields.unread]))


def _messages(fields: Fields) -> tuple[Message, ...]:
    """Read ``instructions`` and ``input``."""
    instructions = fields.string("instructions")
    value = fields.require("input")
    messages = [] if instructions is None else [Message("system", (TextPart(instructions),))]
    if isinstance(value, str):
        return (*messages, Message("user", (TextPart(value),)))
    if not isinstance(value, list):
        raise wrong_type("input", "a string or an array of items", value)
    return (*messages, *read_items(fields.filled_array("input", max_length=16_384)))


def _stream_options(fields: Fields) -> list[str]:
    """Check ``stream_options``, of which obfuscation is the only one."""
    streams = fields.boolean("stream")
    options = fields.object("stream_options")
    if options is None:
        return []
    if not streams:
        raise InvalidRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")
    return ["stream_options.include_obfuscation"] if options.boolean("include_obfuscation") else []


def _include(fields: Fields) -> list[str]:
    """Read ``include``: additional data that the answer should have."""
    names = []
    for index, name in enumerate(fields.array("include", max_length=32) or ()):
        if not isinstance(name, str):
            raise wrong_type(f"include[{index}]", "a string", name)
        if name not in _INCLUDABLE:
            supported = ", ".join(f"'{known}'" for known in sorted(_INCLUDABLE))
            raise InvalidRequest(f"Invalid value for 'include[{index}]': expected one of {supported}.", param=f"include[{index}]")
        names.append(name)
    return names


def _text(fields: Fields) -> tuple[ResponseFormat, bool]:
    """Read ``text``: the format, and whether a verbosity is asked for."""
    text = fields.object("text")
    if text is None:
        return ResponseFormat(), False
    verbosity = text.one_of("verbosity", ("low", "medium", "high"))
    given = text.object("format")
    response_format = ResponseFormat() if given is None else read_format(given, "text.format", given)
    return response_format, verbosity not in (None, "medium")


def _reasoning(fields: Fields) -> tuple[str | None, bool]:
    """Read ``reasoning``: the effort, and whether a summary is asked for."""
    reasoning = fields.object("reasoning")
    if reasoning is None:
        return None, False
    summaries = [reasoning.one_of(name, ("auto", "concise", "detailed")) for name in ("summary", "generate_summary")]
    if reasoning.one_of("mode", ("standard", "pro")) == "pro":
        raise UnsupportedParameter("Models reason in one mode here: leave 'reasoning.mode' out.", param="reasoning.mode")
    return reasoning.one_of("effort", EFFORTS), any(summaries)
