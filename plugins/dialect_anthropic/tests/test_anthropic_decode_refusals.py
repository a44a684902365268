"""Bodies that are refused: with the path of what is wrong, and in Anthropic's own words where these are known."""

from __future__ import annotations

import pytest

from llmlb_core.errors import InvalidRequest, UnsupportedParameter

ASK = {"role": "user", "content": "hi"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def says(*content):
    return {"role": "user", "content": list(content)}


@pytest.mark.parametrize(
    ("changed", "param", "told"),
    [
        ({"max_tokens": None}, "max_tokens", "max_tokens: Field required"),
        ({"max_tokens": -1}, "max_tokens", "greater than or equal to 0"),
        ({"max_tokens": "9"}, "max_tokens", "max_tokens: Input should be a valid integer, but got a string"),
        ({"temperature": 1.01}, "temperature", "less than or equal to 1, but got 1.01"),
        ({"stream": "yes"}, "stream", "a valid boolean"),
        ({"messages": None}, "messages", "messages: Field required"),
        ({"messages": []}, "messages", "at least one message is required"),
        ({"messages": {}}, "messages", "a valid list"),
        ({"messages": ["hi"]}, "messages.0", "messages.0: Input should be an object"),
        ({"messages": [{"content": "x"}]}, "messages.0.role", "messages.0.role: Field required"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "one of 'user', 'assistant', 'system'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content", "must have non-empty content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content", "a valid string or a list of content blocks"),
        ({"messages": [says({"type": "text", "text": ""})]}, "messages.0.content.0.text", "text content blocks must be non-empty"),
        ({"messages": [says({"type": "text"})]}, "messages.0.content.0.text", "Field required"),
        ({"messages": [says({"type": "sound"})]}, "messages.0.content.0.type", "does not match any of the expected tags: 'text',"),
        ({"messages": [says(USE)]}, "messages.0.content.0.type", "Input tag 'tool_use' found"),
        ({"messages": [ASK, {"role": "assistant", "content": "x "}]}, "messages", "cannot end with trailing whitespace"),
        (
            {"messages": [ASK, {"role": "assistant", "content": [USE]}, ASK]},
            "messages.1",
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
        ),
        (
            {"messages": [ASK, {"role": "assistant", "content": [USE]}]},
            "messages.1",
            "`tool_use` ids were found without `tool_result` blocks",
        ),
        (
            {"messages": [says({"type": "tool_result", "tool_use_id": "toolu_9", "content": "x"})]},
            "messages.0",
            "unexpected `tool_use_id` found in `tool_result` blocks: toolu_9.",
        ),
        ({"messages": [ASK, {"role": "assistant", "content": [USE, USE]}, ASK]}, "messages.1.content.1", "must be unique"),
        (
            {"messages": [ASK, {"role": "assistant", "content": [{**USE, "input": "x"}]}, ASK]},
            "messages.1.content.0.input",
            "an object, but got a string",
        ),
        (
            {"messages": [says({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "Q"}})]},
            "messages.0.content.0.source.media_type",
            "one of 'image/jpeg',",
        ),
        ({"messages": [says({"type": "image"})]}, "messages.0.content.0.source", "Field required"),
        ({"system": 7}, "system", "a valid string or a list"),
        ({"stop_sequences": [" "]}, "stop_sequences.0", "must contain non-whitespace"),
        ({"stop_sequences": "a"}, "stop_sequences", "a valid list"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema", "Field required"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools.0.input_schema.type", "Field required"),
        ({"tools": [{"name": "f x", "input_schema": {"type": "object"}}]}, "tools.0.name", "a string that matches"),
        ({"tools": [TOOL, TOOL]}, "tools.1.name", "Tool names must be unique"),
        ({"tool_choice": {"type": "any"}}, "tool_choice", "may only be specified while providing `tools`"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name", "Tool 'g' not found"),
        ({"tool_choice": "auto"}, "tool_choice", "an object such as"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens", "Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, "thinking.budget_tokens", "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "max_tokens", "must be greater than `thinking.budget_tokens`"),
        ({"thinking": {"type": "loud"}}, "thinking.type", "one of 'enabled',"),
        ({"output_config": {"effort": "none"}}, "output_config.effort", "one of 'low',"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema", "Field required"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id", "a valid string"),
    ],
)
def test_what_is_wrong_is_named(decode, body, changed, param, told):
    """Path and reason."""
    with pytest.raises(InvalidRequest) as refused:
        decode(body | changed)

    assert param == refused.value.param
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("changed", "param", "told"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type", "'web_search_20250305'"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type", "'bash_20250124'"),
        ({"mcp_servers": [{"type": "url", "url": "https://example", "name": "m"}]}, "mcp_servers", "No other servers"),
        ({"container": "c"}, "container", "No code is run here"),
        (
            {"messages": [says({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "Q"}})]},
            "messages.0.content.0.source.type",
            "send their text",
        ),
        (
            {"messages": [says({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "messages.0.content.0.source",
            "No files are stored here",
        ),
        (
            {
                "messages": [
                    ASK,
                    {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "n", "input": {}}]},
                    ASK,
                ]
            },
            "messages.1.content.0.type",
            "belong to Anthropic's own servers",
        ),
    ],
)
def test_what_only_anthropics_servers_do_is_refused_by_name(decode, body, changed, param, told):
    """Leaving it out silently would give another answer."""
    with pytest.raises(UnsupportedParameter) as refused:
        decode(body | changed)

    assert param == refused.value.param
    assert told in refused.value.message


def test_a_schema_that_no_json_can_hold_is_refused(decode, body):
    """Nested more deeply than it could be written again."""
    deep: dict[str, object] = {"type": "object"}
    for _ in range(400):
        deep = {"type": "object", "not": deep}

    with pytest.raises(InvalidRequest) as refused:
        decode(body | {"tools": [{"name": "f", "input_schema": deep}]})

    assert "nested too deeply" in refused.value.message or "JSON" in refused.value.message
