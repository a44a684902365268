"""``/v0/endpoints``: registering, showing, changing and removing servers."""

from __future__ import annotations

import asyncio

from llmlb_testing.upstream import plain


async def test_a_registered_server_is_looked_at_and_used_without_further_steps(desk, node):
    """66555000-F2, F6, F12, S2, S5: 201 and pending; then it is online, its models are listed, and calls go there."""
    created = await desk.register(node.url + "/v1/", notes="in the cellar")

    shown = await desk.until(created["id"], lambda each: each["status"] == "online" and each["model_count"] == 1)
    answer = await desk.client.chat(model="m")

    assert ("pending", "node", node.url + "/v1", "in the cellar") == tuple(
        created[name] for name in ("status", "name", "base_url", "notes")
    )
    assert (30, 120) == (created["health_check_interval_secs"], created["inference_timeout_secs"])
    assert ["m"] == [model["model_id"] for model in shown["models"]]
    assert (200, "node") == (answer.status, answer.headers["x-llmlb-endpoint"])
    assert shown["latency_ms"] > 0


async def test_servers_are_listed_with_their_state(desk, node):
    """66555000-F3, F24: state, model count, latency, last check; chosen by state, and nothing for a state that is none."""
    await desk.online(node.url)

    _, everything = await desk.ask("GET")
    _, online = await desk.ask("GET", "?status=online")
    _, none = await desk.ask("GET", "?status=asleep")

    assert (1, 1, 0) == (everything["total"], online["total"], none["total"])
    row = everything["endpoints"][0]
    assert ("online", 1, 0, None) == tuple(row[name] for name in ("status", "model_count", "error_count", "last_error"))
    assert row["last_checked"] == row["last_seen"]


async def test_the_older_prefix_serves_the_same(desk, node):
    """Newer clients ask under /api."""
    created = await desk.register(node.url)

    response = await desk.client.http.get(f"/api/endpoints/{created['id']}")

    assert 200 == response.status_code
    assert created["id"] == (await response.get_json())["id"]


WRONG = {
    "no name": ({"name": None}, "name"),
    "a blank name": ({"name": "  "}, "name"),
    "a long name": ({"name": "x" * 101}, "name"),
    "a name with NUL": ({"name": "a\0b"}, "name"),
    "no url": ({"base_url": None}, "base_url"),
    "a url that is none": ({"base_url": "not a url"}, "base_url"),
    "another scheme": ({"base_url": "ftp://host/"}, "base_url"),
    "a password in the url": ({"base_url": "http://user:hush@host"}, "base_url"),
    "a url with a query": ({"base_url": "http://host/v1?key=hush"}, "base_url"),
    "a long url": ({"base_url": "http://host/" + "x" * 1000}, "base_url"),
    "a short interval": ({"health_check_interval_secs": 9}, "health_check_interval_secs"),
    "a long interval": ({"health_check_interval_secs": 301}, "health_check_interval_secs"),
    "a short time-out": ({"inference_timeout_secs": 9}, "inference_timeout_secs"),
    "a long time-out": ({"inference_timeout_secs": 601}, "inference_timeout_secs"),
    "a time-out that is no number": ({"inference_timeout_secs": "120"}, "inference_timeout_secs"),
    "an interval that is true": ({"health_check_interval_secs": True}, "health_check_interval_secs"),
    "an unknown capability": ({"capabilities": ["flying"]}, "capabilities"),
    "no capability": ({"capabilities": []}, "capabilities"),
    "a kind that is not installed": ({"kind": "steam"}, "kind"),
    "a key with a line break": ({"api_key": "hush\r\nx: y"}, "api_key"),
    "an empty key": ({"api_key": ""}, "api_key"),
    "half a call at a time": ({"max_in_flight": 0.5}, "max_in_flight"),
    "an unknown member": ({"colour": "red"}, "colour"),
}  # fmt: skip


async def test_what_is_wrong_is_named(desk):
    """66555000-F2: 400 with the member, in words; no secret is repeated, and nothing is registered."""
    good = {"name": "n", "base_url": "http://127.0.0.1:1"}
    bodies = {name: {**good, **members} for name, (members, _) in WRONG.items()}

    answers = {
        name: await desk.ask("POST", "", {key: value for key, value in body.items() if value is not None})
        for name, body in bodies.items()
    }

    assert {name: (400, param) for name, (_, param) in WRONG.items()} == {
        name: (status, document["error"]["param"]) for name, (status, document) in answers.items()
    }
    assert "hush" not in str(answers)
    assert 0 == (await desk.ask("GET"))[1]["total"]


async def test_a_body_that_is_no_object_is_refused(desk):
    """As everywhere: 400 and what was expected."""
    for data in (b"{", b"[]", b'"x"', b"\xff", b""):
        response = await desk.client.http.post("/v0/endpoints", data=data)

        assert 400 == response.status_code
        assert "body" in (await response.get_json())["error"]["message"]


async def test_one_name_and_one_address_each(desk):
    """66555000-F9, F11, E5: 409 for both; names are compared as written, and a name is free again after its end."""
    first = await desk.register("http://127.0.0.1:1/v1", "a")

    same_name = await desk.ask("POST", "", {"name": "a", "base_url": "http://127.0.0.1:2"})
    same_url = await desk.ask("POST", "", {"name": "b", "base_url": "HTTP://127.0.0.1:1/"})
    other_case = await desk.ask("POST", "", {"name": "A", "base_url": "http://127.0.0.1:3"})
    await desk.ask("DELETE", f"/{first['id']}")
    again = await desk.ask("POST", "", {"name": "a", "base_url": "http://127.0.0.1:1"})

    assert (409, "duplicate_name", "name") == (same_name[0], same_name[1]["error"]["code"], same_name[1]["error"]["param"])
    assert (409, "duplicate_url") == (same_url[0], same_url[1]["error"]["code"])
    assert (201, 201) == (other_case[0], again[0])


async def test_a_server_is_changed(desk, node):
    """66555000-F8: what is absent stays, null is the default; the version grows."""
    before = await desk.online(node.url, notes="old", max_in_flight=3)
    change = {"name": "new name", "notes": None, "health_check_interval_secs": 10, "inference_timeout_secs": 60}

    status, after = await desk.ask("PUT", f"/{before['id']}", change)

    assert (200, "new name", None, 10, 60) == (
        status, after["name"], after["notes"], after["health_check_interval_secs"], after["inference_timeout_secs"]
    )  # fmt: skip
    assert (3, before["version"] + 1) == (after["max_in_flight"], after["version"])
    assert "new name" == (await desk.client.chat(model="m")).headers["x-llmlb-endpoint"]


async def test_the_address_never_changes(desk):
    """66555000-F20: 400 where it would; the same address, however it is written, is no change."""
    created = await desk.register("http://127.0.0.1:1/v1")

    moved = await desk.ask("PUT", f"/{created['id']}", {"base_url": "http://127.0.0.1:2"})
    same = await desk.ask("PUT", f"/{created['id']}", {"base_url": "http://127.0.0.1:1", "notes": "x"})

    assert (400, "base_url", "immutable_url") == (moved[0], moved[1]["error"]["param"], moved[1]["error"]["code"])
    assert (200, "http://127.0.0.1:1/v1") == (same[0], same[1]["base_url"])


async def test_of_two_admins_the_second_is_told(desk):
    """Both read one version, both write, by member or by header: the second gets 409 and the version of now."""
    created = await desk.register("http://127.0.0.1:1")
    version, path = created["version"], f"/{created['id']}"

    first = await desk.ask("PUT", path, {"notes": "first", "version": version})
    by_member = await desk.ask("PUT", path, {"notes": "second", "version": version})
    by_header = await desk.ask("PUT", path, {"notes": "second"}, if_match=f'"{version}"')

    assert (200, 409, 409) == (first[0], by_member[0], by_header[0])
    assert ("version_conflict", version + 1) == (by_member[1]["error"]["code"], by_member[1]["error"]["version"])
    assert "first" == (await desk.ask("GET", path))[1]["notes"]


async def test_what_is_not_there_is_404(desk):
    """Every page of a server that nobody registered."""
    pages = [("GET", "", None), ("PUT", "", {"notes": "x"}), ("DELETE", "", None), ("POST", "/test", None), ("POST", "/sync", None)]
    pages += [("GET", "/models", None), ("GET", "/health", None), ("PUT", "/models/m", {"capabilities": None})]

    answers = [await desk.ask(method, f"/nobody{path}", body) for method, path, body in pages]

    assert [(404, "endpoint_not_found")] * len(pages) == [(status, document["error"]["code"]) for status, document in answers]


async def test_a_removed_server_finishes_its_calls(desk, node):
    """66555000-E4: a stream that runs there is whole; the next call of its model is 404."""
    created = await desk.online(node.url)
    node.hold.clear()
    running = asyncio.create_task(desk.client.chat(model="m", stream=True))
    await desk.until(created["id"], lambda each: each["in_flight"] == 1)

    status, _ = await desk.ask("DELETE", f"/{created['id']}")
    after = await desk.client.chat(model="m")
    node.hold.set()
    answer = await running

    assert (204, 404, 200) == (status, after.status, answer.status)
    assert "[DONE]" == answer.events[-1]
    assert 'content": "lo' in answer.events[-3]


async def test_a_change_counts_the_calls_that_run(desk, node):
    """A new key while a call runs: the call goes on, and its slot stays taken."""
    created = await desk.online(node.url, max_in_flight=1)
    node.hold.clear()
    running = asyncio.create_task(desk.client.chat(model="m", stream=True))
    await desk.until(created["id"], lambda each: each["in_flight"] == 1)

    _, changed = await desk.ask("PUT", f"/{created['id']}", {"api_key": "sk-new"})
    node.hold.set()
    answer = await running
    await desk.client.chat(model="m")

    assert (1, True) == (changed["in_flight"], changed["has_api_key"])
    assert "[DONE]" == answer.events[-1]
    assert "Bearer sk-new" == node.upstream.visits[-1].headers["authorization"]


async def test_keys_are_sent_and_never_shown(desk, new_node, caplog):
    """66555000-F10: no answer, list, error or log has it; the server gets it; null takes it away."""
    node = await new_node(key="sk-hush")

    created = await desk.online(node.url, api_key="sk-hush")
    call = await desk.client.chat(model="m")
    shown = [await desk.ask("GET", path) for path in ("", f"/{created['id']}", f"/{created['id']}/health")]
    _, without = await desk.ask("PUT", f"/{created['id']}", {"api_key": None})

    assert (200, True, False) == (call.status, created["has_api_key"], without["has_api_key"])
    assert "hush" not in str(shown) + str(created) + caplog.text


async def test_a_connection_test_counts_as_a_look(desk, new_node):
    """66555000-F7, F16, E6: it says how it went in 200, and the state follows at once."""
    node = await new_node(key="sk-right")
    created = await desk.register(node.url, api_key="sk-wrong")
    await desk.until(created["id"], lambda each: each["status"] == "offline")

    wrong = await desk.ask("POST", f"/{created['id']}/test")
    await desk.ask("PUT", f"/{created['id']}", {"api_key": "sk-right"})
    right = await desk.ask("POST", f"/{created['id']}/test")

    assert (200, False, None) == (wrong[0], wrong[1]["success"], wrong[1]["latency_ms"])
    assert "401" in wrong[1]["error"]
    assert "API key" in wrong[1]["error"]
    assert (200, True, 1) == (right[0], right[1]["success"], right[1]["endpoint_info"]["model_count"])
    assert "online" == (await desk.ask("GET", f"/{created['id']}"))[1]["status"]


async def test_a_server_can_be_tried_before_it_is_registered(desk, node):
    """66555000-F7: the same answer, and nothing is kept."""
    good = await desk.ask("POST", "/test", {"base_url": node.url})
    bad = await desk.ask("POST", "/test", {"base_url": "http://127.0.0.1:1"})

    assert (200, True, ["m"]) == (good[0], good[1]["success"], good[1]["endpoint_info"]["models"])
    assert (200, False, "unreachable") == (bad[0], bad[1]["success"], bad[1]["code"])
    assert 0 == (await desk.ask("GET"))[1]["total"]


async def test_a_sync_says_what_changed(desk, node):
    """66555000-F6, F22: added, gone and all of them; models that vanished are served no more."""
    created = await desk.online(node.url)
    node.models = ["m2", "m3"]

    status, synced = await desk.ask("POST", f"/{created['id']}/sync")
    again = await desk.ask("POST", f"/{created['id']}/sync")

    assert (200, 2, 1, 0) == (status, synced["added"], synced["removed"], synced["updated"])
    assert ["m2", "m3"] == [model["model_id"] for model in synced["synced_models"]]
    assert (0, 0) == (again[1]["added"], again[1]["removed"])
    assert (404, 200) == ((await desk.client.chat(model="m")).status, (await desk.client.chat(model="m2")).status)


async def test_a_sync_of_a_server_that_is_away_is_503(desk, node):
    """66555000-E3: endpoint_offline; the models that were known stay."""
    created = await desk.online(node.url)
    await node.upstream.stop_listening()
    node.upstream.close_idle()

    status, document = await desk.ask("POST", f"/{created['id']}/sync")

    assert (503, "endpoint_offline") == (status, document["error"]["code"])
    assert 1 == (await desk.ask("GET", f"/{created['id']}/models"))[1]["total"]


async def test_a_sync_that_is_answered_with_a_page_is_502(desk, node):
    """HTML instead of JSON is an error of the server's, in words; the models stay."""
    created = await desk.online(node.url)
    node.answers["/v1/models"] = plain(b"<html>hello</html>", 200, "content-type: text/html")

    status, document = await desk.ask("POST", f"/{created['id']}/sync")

    assert (502, "not_json") == (status, document["error"]["code"])
    assert "HTML" in document["error"]["message"]
    assert 1 == (await desk.ask("GET", f"/{created['id']}/models"))[1]["total"]


async def test_operators_know_better_what_a_model_can_do(desk, new_node):
    """66555000-F18, 32637000-F4: by name, by the operator for one model or all; a mismatch is 400."""
    node = await new_node(models=["my-embed", "tiny/chat"])
    created = await desk.online(node.url)
    by_name = {model["model_id"]: (model["capabilities"], model["capabilities_from"]) for model in created["models"]}
    refused = await desk.client.chat(model="my-embed")

    status, changed = await desk.ask("PUT", f"/{created['id']}/models/tiny/chat", {"capabilities": ["chat", "image_understanding"]})
    _, models = await desk.ask("GET", f"/{created['id']}/models")
    _, back = await desk.ask("PUT", f"/{created['id']}/models/tiny/chat", {"capabilities": None})

    assert {"my-embed": (["embedding"], "name"), "tiny/chat": (["text_generation"], "name")} == by_name
    assert (400, "model_capability_mismatch") == (refused.status, refused.json["error"]["code"])
    assert (200, ["text_generation", "vision"], "operator") == (status, changed["capabilities"], changed["capabilities_from"])
    assert [["embedding"], ["text_generation", "vision"]] == [model["capabilities"] for model in models["models"]]
    assert "name" == back["capabilities_from"]


async def test_health_is_kept_and_shown_youngest_first(desk, node):
    """66555000-F14, D3: every look with its states before and after; pages by id."""
    created = await desk.online(node.url)
    node.is_well = False
    await desk.ask("POST", f"/{created['id']}/test")
    await desk.ask("POST", f"/{created['id']}/test")

    _, history = await desk.ask("GET", f"/{created['id']}/health?limit=2")
    _, older = await desk.ask("GET", f"/{created['id']}/health?before={history['checks'][-1]['id']}")

    assert [("error", "offline"), ("online", "error")] == [
        (each["status_before"], each["status_after"]) for each in history["checks"]
    ]
    assert [("pending", "online", True)] == [
        (each["status_before"], each["status_after"], each["success"]) for each in older["checks"]
    ]
    assert "503" in history["checks"][0]["error_message"]


async def test_a_wrong_page_of_health_is_refused(desk, node):
    """400 with the parameter."""
    created = await desk.register(node.url)

    for query in ("limit=0", "limit=1001", "limit=x", "before=-1"):
        status, document = await desk.ask("GET", f"/{created['id']}/health?{query}")

        assert (400, query.partition("=")[0]) == (status, document["error"]["param"])
