"""How servers are watched: states, detection, recovery, and what a sick server costs the others."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest
from llmlb_testing.upstream import plain

from llmlb_core.domain.registration import Condition, EndpointStatus
from llmlb_core.endpoints.states import MOST_BACK_OFF, after_failure, after_success, wait_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAST_S = 0.1


def moved(*steps: str) -> list[str]:
    """Return the states that a server goes through; each step is ``well`` or ``fails``."""
    condition, states = Condition(), []
    for step in steps:
        condition = after_success(condition, NOW, 1.0) if step == "well" else after_failure(condition, NOW, "no")
        states.append(condition.status.value)
    return states


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["well"], ["online"]),
        (["fails"], ["offline"]),
        (["well", "fails", "well"], ["online", "error", "online"]),
        (["well", "fails", "fails", "fails"], ["online", "error", "offline", "offline"]),
        (["fails", "well", "fails"], ["offline", "online", "error"]),
        (["well", "fails", "fails", "well", "fails"], ["online", "error", "offline", "online", "error"]),
    ],
)
def test_states_follow_the_machine(steps, expected):
    """66555000's machine: no grace when pending, error after the first failure, offline after the second."""
    assert expected == moved(*steps)


def test_a_success_forgets_failures():
    """66555000: the count and the error are gone, the time of the last success is kept through failures."""
    sick = after_failure(after_failure(after_success(Condition(), NOW, 2.0), NOW, "no"), NOW, "still no")
    well = after_success(sick, NOW, 3.0)

    assert (2, "still no", NOW, 2.0) == (sick.error_count, sick.last_error, sick.last_seen, sick.latency_ms)
    assert (0, None, 3.0) == (well.error_count, well.last_error, well.latency_ms)


def test_detection_takes_less_than_a_minute_and_absence_is_asked_ever_less():
    """66555000-S3: 30 s, two looks and two time-outs are below 60 s; back-off doubles up to 8 × while offline."""
    error = after_failure(after_success(Condition(), NOW, 1.0), NOW, "no")
    waits, condition = [], error
    for _ in range(7):
        condition = after_failure(condition, NOW, "no")
        waits.append(wait_s(30, condition))

    assert 30 + 5 + wait_s(30, error) + 5 < 60
    assert [30, 60, 120, 240, 240, 240, 240] == waits
    assert MOST_BACK_OFF * 30 == waits[-1]
    assert 30 == wait_s(30, Condition(status=EndpointStatus.ONLINE))


async def test_a_server_that_fails_is_left_and_comes_back(tmp_path, open_app_at, node):
    """66555000-S3, S4, F23: error, offline, 503 and still listed; online again at the next look, with its new models."""
    async with open_app_at(tmp_path / "app", interval_s=FAST_S) as desk:
        created = await desk.online(node.url)
        node.is_well = False
        await desk.until(created["id"], lambda each: each["status"] == "offline")

        refused = await desk.client.chat(model="m")
        listed = await (await desk.client.http.get("/v1/models")).get_json()
        node.models = ["m", "new"]
        node.is_well = True
        back = await desk.until(created["id"], lambda each: each["status"] == "online" and each["model_count"] == 2)

        assert (503, "no_capable_nodes") == (refused.status, refused.json["error"]["code"])
        assert [("m", False)] == [(model["id"], model["ready"]) for model in listed["data"]]
        assert (0, None) == (back["error_count"], back["last_error"])
        assert 200 == (await desk.client.chat(model="new")).status


async def test_whoever_waits_is_served_when_a_server_comes_back(tmp_path, open_app_at, new_node):
    """05098000-E1: a call that waits for a busy server is served by another that becomes routable."""
    busy, sick = await new_node(), await new_node()
    async with open_app_at(tmp_path / "app", interval_s=FAST_S) as desk:
        first = await desk.online(busy.url, "busy", max_in_flight=1)
        second = await desk.online(sick.url, "sick", max_in_flight=1)
        sick.is_well = False
        await desk.until(second["id"], lambda each: each["status"] == "offline")
        busy.hold.clear()
        running = asyncio.create_task(desk.client.chat(model="m", stream=True))
        await desk.until(first["id"], lambda each: each["in_flight"] == 1)
        waiting = asyncio.create_task(desk.client.chat(model="m"))
        await desk.client.waiting(1)

        sick.is_well = True
        answer = await waiting
        busy.hold.set()
        await running

        assert (200, "sick") == (answer.status, answer.headers["x-llmlb-endpoint"])


async def test_hanging_servers_cost_the_others_nothing(tmp_path, open_app_at, node):
    """Looks are parallel: sixty servers that accept and never answer, and one that is well is online meanwhile."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(128)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with open_app_at(tmp_path / "app") as desk:
            ids = [(await desk.register(f"{url}/{number}", f"silent-{number}"))["id"] for number in range(60)]

            created = await desk.online(node.url)
            sick = await desk.until(ids[-1], lambda each: each["status"] == "offline")

            assert "did not answer" in sick["last_error"]
            assert "online" == (await desk.ask("GET", f"/{created['id']}"))[1]["status"]


async def test_a_server_starts_with_every_endpoint_down(tmp_path, open_app_at):
    """It starts, says so, and serves what it can (66555000-E1)."""
    async with open_app_at(tmp_path / "app") as desk:
        created = await desk.register("http://127.0.0.1:1", "gone")
        await desk.until(created["id"], lambda each: each["status"] == "offline")

    async with open_app_at(tmp_path / "app", '[[endpoints]]\nname = "f"\nurl = "http://127.0.0.1:2"\nmodels = ["x"]\n') as desk:
        shown = await desk.until(created["id"], lambda each: each["error_count"] >= 2)
        _, listed = await desk.ask("GET")

        assert "offline" == shown["status"]
        assert {"gone", "f"} == {each["name"] for each in listed["endpoints"]}
        assert 502 <= (await desk.client.chat(model="x")).status <= 503


async def test_servers_survive_a_restart(tmp_path, open_app_at, new_node):
    """66555000-D4, D5, F10: what was said, the sealed key and the models are there at once, before any look."""
    node = await new_node(key="sk-1", models=["m", "n"])
    async with open_app_at(tmp_path / "app") as desk:
        before = await desk.online(node.url, api_key="sk-1", notes="kept", capabilities=["chat_completion"])

    async with open_app_at(tmp_path / "app", interval_s=0) as desk:
        _, after = await desk.ask("GET", f"/{before['id']}")
        answer = await desk.client.chat(model="n")

    kept = ("name", "base_url", "notes", "kind", "status", "capabilities", "version", "registered_at", "model_count")
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}
    assert 200 == answer.status
    assert b"sk-1" not in b"".join(file.read_bytes() for file in (tmp_path / "app").glob("llmlb.db*"))


async def test_a_lost_secret_file_is_said_and_mended_by_giving_the_key_again(tmp_path, open_app_at, new_node):
    """The server starts, the endpoint takes no call and says why; with its key it works again."""
    node = await new_node(key="sk-1")
    async with open_app_at(tmp_path / "app") as desk:
        before = await desk.online(node.url, api_key="sk-1")
    (tmp_path / "app" / "secret").unlink()

    async with open_app_at(tmp_path / "app") as desk:
        _, lost = await desk.ask("GET", f"/{before['id']}")
        refused = await desk.client.chat(model="m")
        await desk.ask("PUT", f"/{before['id']}", {"api_key": "sk-1"})
        await desk.until(before["id"], lambda each: each["is_routable"] and each["status"] == "online")
        answer = await desk.client.chat(model="m")

    assert "must be given again" in lost["unroutable_reason"]
    assert (503, 200) == (refused.status, answer.status)


ODD = {
    "a web page": (plain(b"<!doctype html><p>hi", 200, "content-type: text/html"), "web page"),
    "no JSON": (plain(b"\x00\x01\x02", 200), "JSON"),
    "another shape": (plain([1, 2]), "shape"),
    "a redirect elsewhere": (plain(b"", 302, "location: http://example.invalid/v1/models"), "another host"),
    "an error": (plain({"error": "x"}, 500), "500"),
}


async def test_servers_that_answer_oddly_are_said_to(tmp_path, open_app_at, new_node):
    """Each a state and a reason in words; the others go on."""
    async with open_app_at(tmp_path / "app") as desk:
        nodes = {name: await new_node(answers={"/v1/models": answer}) for name, (answer, _) in ODD.items()}
        created = {name: await desk.register(node.url, name) for name, node in nodes.items()}
        good = await new_node()

        await desk.online(good.url, "good")
        seen = {name: await desk.until(each["id"], lambda each: each["status"] != "pending") for name, each in created.items()}

        assert dict.fromkeys(ODD, "offline") == {name: each["status"] for name, each in seen.items()}
        assert [] == [(name, seen[name]["last_error"]) for name, (_, word) in ODD.items() if word not in seen[name]["last_error"]]
        assert 200 == (await desk.client.chat(model="m")).status


async def test_ten_thousand_models_are_served_and_kept(tmp_path, open_app_at, new_node):
    """All are listed, stored and there after a restart; 66555000-N1 asks for a tenth."""
    names = [f"org/model-{number}" for number in range(10_000)]
    node = await new_node(models=names)
    async with open_app_at(tmp_path / "app") as desk:
        created = await desk.online(node.url)
        _, models = await desk.ask("GET", f"/{created['id']}/models")
        answer = await desk.client.chat(model=names[-1])

    async with open_app_at(tmp_path / "app", interval_s=0) as desk:
        _, after = await desk.ask("GET", f"/{created['id']}/models")

    assert (10_000, names) == (models["total"], [model["model_id"] for model in models["models"]])
    assert (200, names) == (answer.status, [model["model_id"] for model in after["models"]])


async def test_names_that_lead_outside_are_refused_and_told(desk, new_node):
    """.., NUL, line breaks, blanks, lengths: left out with a reason, the others are served (93536000-F20, F21)."""
    bad = ["../../etc/passwd", "a/../b", "nul\0", "line\nbreak", " blank", "x" * 300, "/abs", "\u202eright-to-left"]
    node = await new_node(models=["good", *bad, "good", "org/Good-2:q4"])
    created = await desk.online(node.url)

    _, synced = await desk.ask("POST", f"/{created['id']}/sync")

    assert ["good", "org/Good-2:q4"] == [model["model_id"] for model in synced["synced_models"]]
    assert len(bad) == synced["refused_count"] == len(synced["refused"])
    assert all(each["name"].isprintable() and each["reason"] for each in synced["refused"])


async def test_servers_of_the_settings_file_are_shown_and_not_changed(tmp_path, open_app_at, node):
    """Their models are asked for where the file names none; 403 for every change, and their name and address are taken."""
    toml = f'[[endpoints]]\nname = "rack 1"\nurl = "{node.url}"\n'
    async with open_app_at(tmp_path / "app", toml) as desk:
        _, listed = await desk.ask("GET")
        endpoint_id = listed["endpoints"][0]["id"]
        shown = await desk.until(endpoint_id, lambda each: each["model_count"] == 1)
        changes = [("PUT", "", {"notes": "x"}), ("DELETE", "", None), ("PUT", "/models/m", {"capabilities": None})]
        refused = [await desk.ask(method, f"/{endpoint_id}{path}", body) for method, path, body in changes]
        same_name = await desk.ask("POST", "", {"name": "rack 1", "base_url": "http://127.0.0.1:9"})
        same_url = await desk.ask("POST", "", {"name": "other", "base_url": node.url})

        assert ("file", True, "online") == (shown["origin"], shown["is_read_only"], shown["status"])
        assert [(403, "read_only")] * 3 == [(status, document["error"]["code"]) for status, document in refused]
        assert (409, 409) == (same_name[0], same_url[0])
        assert 200 == (await desk.client.chat(model="m")).status
        assert 1 == len((await desk.ask("GET", f"/{endpoint_id}/health"))[1]["checks"])


async def test_a_server_that_cannot_be_asked_is_judged_by_its_traffic(tmp_path, open_app_at, new_node):
    """No list of models, no health call: five failed calls in a row open its breaker, and a call that goes well brings it back.

    A model has nothing else here, so further calls try it all the same, one a second.
    """
    node = await new_node(answers={"/v1/models": plain({}, 404)})
    async with open_app_at(tmp_path / "app", interval_s=0) as desk:
        created = await desk.register(node.url, models=["mine"])
        assert 200 == (await desk.client.chat(model="mine")).status
        node.answers["/v1/chat/completions"] = plain({"error": {"message": "broken"}}, 500)

        statuses = [(await desk.client.chat(model="mine")).status for _ in range(3)]
        sick = await desk.until(created["id"], lambda each: each["status"] == "offline")
        del node.answers["/v1/chat/completions"]
        await desk.until(created["id"], lambda each: each["status"] == "pending")
        well = await desk.client.chat(model="mine")

        assert ([502] * 3, 200) == (statuses, well.status)
        assert 5 <= sick["error_count"]
        assert "open" == sick["breakers"][0]["state"]
        assert "breaker open for" in sick["unroutable_reason"]
        assert "online" == (await desk.ask("GET", f"/{created['id']}"))[1]["status"]
