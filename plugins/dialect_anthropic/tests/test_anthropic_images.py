"""Images: found wherever they stand, and replaced."""

from __future__ import annotations

import json

import pytest

INLINE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://example/x.png"}, "cache_control": {"type": "ephemeral"}}
BODY = {
    "model": "m",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": '"image"'}, INLINE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [LINKED]}]},
    ],
}


@pytest.fixture
def route(dialect):
    """Of messages."""
    return dialect.routes[0]


def test_images_are_found_in_messages_and_results(dialect, route):
    """As URLs, with their places."""
    found = dialect.images(route, json.dumps(BODY).encode())

    assert [
        ("data:image/png;base64,QQ==", "messages.0.content.1.source.data"),
        ("https://example/x.png", "messages.1.content.0.content.0.source.url"),
    ] == [(image.url, image.param) for image in found]


def test_what_was_fetched_stands_in_the_place_of_its_url(dialect, route):
    """As base64; all else stays as it is."""
    body = json.dumps(BODY).encode()

    changed = json.loads(dialect.with_images(route, body, ["data:image/png;base64,QQ==", "data:image/gif;base64,QUI="]))

    block = changed["messages"][1]["content"][0]["content"][0]
    assert {"type": "base64", "media_type": "image/gif", "data": "QUI="} == block["source"]
    assert (LINKED["cache_control"], BODY["messages"][0]) == (block["cache_control"], changed["messages"][0])
