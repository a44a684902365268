"""``POST /v1/chat/completions``: its body as a ``ChatRequest``."""

from __future__ import annotations

from llmlb_core import ChatRequest, Decoded, ResponseFormat, Tool, ToolChoice
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.messages import read_messages
from llmlb_dialect_openai.decode.parameters import (
    STORED,
    Effectless,
    effectless,
    ignored_names,
    read_hints,
    read_metadata,
    read_stream_options,
    refuse,
)
from llmlb_dialect_openai.decode.sampling import read_n, read_sampling, read_stop
from llmlb_dialect_openai.decode.schema import read_format
from llmlb_dialect_openai.decode.tools import read_function_call, read_functions, read_tool_choice, read_tools
from llmlb_dialect_openai.fields import Fields

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_EFFECTLESS: Effectless = {**STORED, "prediction": ("object", ()), "verbosity": ("string", ("medium",))}
_REFUSED = {
    "audio": "answers are text. Leave it out.",
    "web_search_options": "no web is searched from here. Leave it out, or offer a search of your own as a tool.",
    "moderation": "no moderation model runs here. Leave it out.",
}


def decode_chat(fields: Fields) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    ignored = [*effectless(fields, _EFFECTLESS), *read_stream_options(fields)]
    refuse(fields, _REFUSED)
    user = read_hints(fields)
    if read_metadata(fields):
        ignored.append("metadata")
    _check_modalities(fields)
    tools, choice, parallel = _tools(fields)
    logprobs, top_logprobs = _logprobs(fields)
    request = ChatRequest(
        messages=read_messages(fields),
        sampling=read_sampling(fields, ("max_completion_tokens", "max_tokens")),
        n=read_n(fields),
        stop=read_stop(fields),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=_format(fields),
        reasoning_effort=fields.one_of("reasoning_effort", EFFORTS),
        user=user,
    )
    return Decoded(request, ignored_names([*ignored, *fields.unread]))


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], ToolChoice, bool]:
    """Read tools, or the older functions: one call at a time, as they were."""
    parallel = fields.boolean("parallel_tool_calls")
    tools = read_tools(fields, is_flat=False)
    functions = read_functions(fields)
    if functions and tools:
        raise InvalidRequest("'functions' and 'tools' cannot both be given; 'functions' is the older form.", param="functions")
    if functions:
        return functions, read_function_call(fields, functions), False
    read_function_call(fields, ())
    return tools, read_tool_choice(fields, tools, is_flat=False), parallel is not False


def _logprobs(fields: Fields) -> tuple[bool, int]:
    """Read ``logprobs`` and ``top_logprobs``, which needs the former."""
    logprobs = bool(fields.boolean("logprobs"))
    top_logprobs = fields.integer("top_logprobs", 0, 20)
    if top_logprobs is not None and not logprobs:
        raise InvalidRequest("'logprobs' must be true when 'top_logprobs' is specified.", param="top_logprobs")
    return logprobs, top_logprobs or 0


def _format(fields: Fields) -> ResponseFormat:
    """Read ``response_format``."""
    given = fields.object("response_format")
    if given is None:
        return ResponseFormat()
    return read_format(given, "response_format.json_schema", given.object("json_schema"))


def _check_modalities(fields: Fields) -> None:
    """Raise where an answer in another form than text is asked for."""
    for index, modality in enumerate(fields.array("modalities", max_length=8) or ()):
        if modality != "text":
            param = f"modalities[{index}]"
            raise UnsupportedParameter(f"Answers are text here; '{param}' asks for something else.", param=param)
