"""Plain calls at a server that goes away (streams.md, rule 4): they do not wait 600 s for it."""

from __future__ import annotations

import asyncio

from llmlb_testing.upstream import plain


async def test_a_plain_call_is_answered_elsewhere_when_health_checks_lose_its_server(desk, new_node):
    """Two checks in a row fail while a call hangs there: it is tried at the other server and answered."""
    nodes = [await new_node(), await new_node()]
    ids = [(await desk.online(node.url, f"n{number}"))["id"] for number, node in enumerate(nodes)]
    for node in nodes:
        node.hold.clear()
    call = asyncio.create_task(desk.client.chat(model="m"))
    async with asyncio.timeout(10):
        while not any("/v1/chat/completions" in node.paths for node in nodes):  # noqa: ASYNC110  # the nodes tell nobody
            await asyncio.sleep(0.01)
    place = next(number for number, node in enumerate(nodes) if "/v1/chat/completions" in node.paths)
    nodes[place].answers["/v1/models"] = plain({}, 503)
    nodes[1 - place].hold.set()

    await desk.ask("POST", f"/{ids[place]}/test")
    after_one = call.done()
    await desk.ask("POST", f"/{ids[place]}/test")
    async with asyncio.timeout(10):
        answer = await call

    assert (False, 200) == (after_one, answer.status)
    assert f"n{1 - place}" == answer.headers["x-llmlb-endpoint"]
