"""``session``: a session stays where it began."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_router_session import RouterSessionPlugin
from llmlb_router_session.keys import MAX_REMEMBERED, SessionKeys
from llmlb_router_session.settings import SessionRouterSettings
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Plugin


@pytest.fixture
def router(tmp_path):
    return next(iter(RouterSessionPlugin(Plugin("router_session", tmp_path)).llmlb_routers()))


def place(router, offered, session):
    choice = router.choose(make_call(headers={"x-session-id": session}), offered)
    return choice.candidate.position


def number(call, **settings):
    return SessionKeys(SessionRouterSettings(**settings)).number(call)


def body(**fields):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def test_a_session_stays_where_it_began(router):
    """Whatever else is called in between."""
    offered = candidates(8)

    first = [place(router, offered, f"s{n}") for n in range(100)]

    assert first == [place(router, offered, f"s{n}") for n in range(100)]


def test_sessions_spread_evenly(router):
    """Within 15 % over 8,000 sessions: they are drawn, so equal shares are only probable."""
    offered = candidates(8)

    counts = Counter(place(router, offered, f"user-{n}") for n in range(8000))

    assert all(850 <= counts[position] <= 1150 for position in range(8)), counts


def test_when_an_endpoint_leaves_only_its_sessions_move(router):
    """And they come back when it does."""
    offered = candidates(5)
    before = [place(router, offered, f"s{n}") for n in range(500)]

    without = [place(router, [*offered[:2], *offered[3:]], f"s{n}") for n in range(500)]

    assert all(now == then for now, then in zip(without, before, strict=True) if then != 2)
    assert {0, 1, 3, 4} == {now for now, then in zip(without, before, strict=True) if then == 2}
    assert before == [place(router, offered, f"s{n}") for n in range(500)]


def test_a_session_has_the_same_place_in_every_process(router):
    """A restart moves nobody: nothing is random, nothing is remembered."""
    assert [5, 2, 4, 5] == [place(router, candidates(8), session) for session in ("alice", "bob", "carol", "dave")]


def test_calls_without_a_session_go_where_the_least_runs(router):
    """And take turns among equals."""
    offered = candidates(3)
    offered[1].in_flight = 1

    order = [router.choose(make_call(), offered).candidate.position for _ in range(4)]

    assert [0, 2, 0, 2] == order


def test_a_header_comes_before_the_body():
    """The first of the headers, then the first of the fields."""
    both = make_call(headers={"x-session-id": "a"}, body=body(user="b"))

    assert number(both) == number(make_call(headers={"x-session-id": "a"}))
    assert number(both) != number(make_call(body=body(user="b")))
    assert number(make_call(headers={"x-chat": "a"}), headers=("X-Chat",)) == number(both)


@pytest.mark.parametrize("field", ["conversation", "prompt_cache_key", "safety_identifier", "user"])
def test_each_field_names_a_session(field):
    """Wherever in the body it stands."""
    assert number(make_call(body=body(**{field: "a"}))) == number(make_call(body=body(**{field: "a"}, stream=True)))
    assert number(make_call(body=body(**{field: "a"}))) != number(make_call(body=body(**{field: "b"})))


def test_a_conversation_object_is_its_id():
    """OpenAI allows both."""
    assert number(make_call(body=body(conversation={"id": "conv_1"}))) == number(make_call(body=body(conversation="conv_1")))


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_field_names_none(value):
    """The next field counts, or the principal where settings say so."""
    call = make_call("key:1", body=body(conversation=value))

    assert None is number(call)
    assert number(call, by_principal=True) == number(make_call("key:1"), by_principal=True)
    assert number(make_call(body=body(conversation=value, user="a"))) == number(make_call(body=body(user="a")))


@given(st.binary(max_size=60) | st.sampled_from([b"[1]", b"3", b'{"user": 3}', b'{"user": {"id": 1}}', b'{"conversation": {"id"']))
def test_no_body_breaks_it(raw):
    """What is wrong with a body is the dialect's to say."""
    found = number(make_call(body=raw))

    assert found is None or 0 <= found < 2**64


def test_memory_has_a_bound():
    """Only the numbers of the latest calls are kept."""
    keys = SessionKeys(SessionRouterSettings())
    for _ in range(MAX_REMEMBERED + 100):
        keys.number(make_call(headers={"x-session-id": "a"}))

    assert MAX_REMEMBERED == len(keys._numbers)
