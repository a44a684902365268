"""Which servers of one model chats with recordings and images go to."""

from __future__ import annotations

import pytest
from llmlb_testing.pictures import PNG_URL

SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
IMAGE = {"type": "image_url", "image_url": {"url": PNG_URL}}
ABILITIES = {
    "reads": ["text_generation"],
    "sees": ["text_generation", "vision"],
    "hears": ["text_generation", "audio"],
    "both": ["text_generation", "vision", "audio"],
}


async def asked(desk, *parts, calls=4):
    """Return the servers that calls with *parts* went to."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, *parts]}]
    answers = [await desk.client.post("/v1/chat/completions", {"model": "m", "messages": messages}) for _ in range(calls)]
    assert {200} == {each.status for each in answers}
    return {each.headers["x-llmlb-endpoint"] for each in answers}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), {"reads", "sees", "hears", "both"}),
        ((SOUND,), {"hears", "both"}),
        ((IMAGE,), {"sees", "both"}),
        ((IMAGE, SOUND), {"both"}),
    ],
    ids=["text", "sound", "image", "both"],
)
async def test_they_go_to_those_that_can(desk, new_node, parts, expected):
    """What the operator says of each server decides (66555000-F18)."""
    for name, capabilities in ABILITIES.items():
        await desk.online((await new_node()).url, name, capabilities=capabilities)

    assert expected == await asked(desk, *parts, calls=8)


async def test_where_nobody_can_both_the_recording_decides(desk, new_node):
    """It goes to a server that hears, which says of the image what it has to say."""
    for name in ("sees", "hears"):
        await desk.online((await new_node()).url, name, capabilities=ABILITIES[name])

    assert {"hears"} == await asked(desk, IMAGE, SOUND)


async def test_models_tell_that_they_take_sound(desk, node):
    """5fc9fe92-F5, F10: in ``GET /v1/models``."""
    await desk.online(node.url, "hears", capabilities=ABILITIES["hears"])

    listed = await (await desk.client.http.get("/v1/models")).get_json()

    assert [("m", ABILITIES["hears"])] == [(each["id"], each["capabilities"]) for each in listed["data"]]
