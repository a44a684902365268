"""``prefix``: a prompt goes where its beginning was read already, unless too much runs there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmlb_router_prefix import RouterPrefixPlugin
from llmlb_router_prefix.blocks import ENDS, MAX_REMEMBERED, Blocks, read_prompt
from llmlb_router_prefix.index import ENTRY_BYTES, MAX_ENDPOINTS, PrefixIndex
from llmlb_router_prefix.settings import PrefixRouterSettings
from llmlb_testing.calls import candidates, make_call

from llmlb_core import Plugin

SYSTEM = "You answer in rhymes. " * 100


def chat(*turns, system=SYSTEM, **fields):
    """A body whose messages begin with *system*."""
    messages = [{"role": "system", "content": system}, *({"role": "user", "content": turn} for turn in turns)]
    return json.dumps({"model": "m", **fields, "messages": messages}).encode()


@pytest.fixture
def make_router(tmp_path):
    def make(**settings):
        plugin = RouterPrefixPlugin(Plugin("router_prefix", tmp_path, PrefixRouterSettings(**settings)))
        return next(iter(plugin.llmlb_routers()))

    return make


@pytest.fixture
def router(make_router):
    return make_router()


def place(router, offered, body, model="m"):
    return router.choose(make_call(body=body, model=model), offered).candidate.position


def test_a_conversation_stays_where_it_was_read(router):
    """Each turn begins like the one before."""
    offered = candidates(4)
    turns, places = [], []
    for number in range(6):
        turns.append(f"turn {number}: " + "tell me more " * 40)
        places.append(place(router, offered, chat(*turns)))

    assert 1 == len(set(places))


def test_prompts_that_share_nothing_take_turns(router):
    """There is nothing to gain anywhere."""
    offered = candidates(4)

    places = [place(router, offered, chat("hi", system=f"{number} " * 400)) for number in range(8)]

    assert [0, 1, 2, 3, 0, 1, 2, 3] == places


def test_short_prompts_take_turns(router):
    """Below one block there is nothing worth caching."""
    assert [0, 1, 2] == [place(router, candidates(3), chat("hi", system="Be short.")) for _ in range(3)]


def test_the_longest_shared_beginning_wins(router):
    """Tokens still to be read decide."""
    offered = candidates(3)
    place(router, offered[:1], chat("a"))
    place(router, offered[1:2], chat("a" * 4000))

    assert 1 == place(router, offered, chat("a" * 8000))


def test_load_outweighs_what_is_cached(router):
    """Tokens times load: ten running calls are worse than a prompt of a few hundred tokens to be read."""
    offered = candidates(2, max_in_flight=64)
    place(router, offered[:1], chat("a"))
    offered[0].in_flight = 10

    assert 1 == place(router, offered, chat("b", system=SYSTEM + "!" * 40))


def test_the_hard_guard_keeps_the_load_even(make_router):
    """However much is cached: eight calls more than the least busy one is too many."""
    router, offered = make_router(imbalance_count=8), candidates(2, max_in_flight=64)
    long = chat("a", system=SYSTEM * 20)
    place(router, offered[:1], long)
    offered[0].in_flight = 8
    near = [each.position for each in router.filters[0].keep(make_call(), offered)]
    offered[0].in_flight = 9

    assert [0, 1] == near
    assert 1 == place(router, offered, long)
    assert "9 calls run there, more than 8 above the least busy endpoint" == router.filters[0].why_not(make_call(), offered[0])


def test_models_share_nothing(router):
    """The same text is other tokens, in another cache."""
    offered, others = candidates(2, model="a"), candidates(2, model="b")
    place(router, offered[:1], chat("x"), "a")
    place(router, others, chat("y", system="z" * 3000), "b")

    assert 1 == place(router, others, chat("x"), "b")


def test_explaining_remembers_nothing(router):
    """Who asks why does not send a prompt anywhere."""
    offered = candidates(2)
    for _ in range(3):
        router.explain(make_call(body=chat("x")), offered)

    assert 0 == len(router.ranks[0].scorer._index)


def test_blocks_are_equal_as_far_as_bodies_are():
    """Fields before the messages do not matter."""
    one = read_prompt("m", chat("first question", stream=True))
    two = read_prompt("m", chat("second question", temperature=0.5))
    shared = sum(a == b for a, b in zip(one.keys, two.keys, strict=False))

    assert shared == len([end for end in ENDS if end <= len(SYSTEM)])


@pytest.mark.parametrize("field", ["messages", "input", "prompt"])
def test_every_api_has_its_prompt(field):
    """Chat, responses, embeddings, completions."""
    assert 4 == len(read_prompt("m", json.dumps({"model": "m", field: "x" * 1100}).encode()).keys)


@given(st.binary(max_size=3000))
def test_no_body_breaks_it(raw):
    """Nothing is parsed, so nothing can be wrong."""
    prompt = read_prompt("m", raw + b'"messages"' + raw)

    assert len(prompt.keys) <= len(ENDS)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.lists(st.integers(0, 3), min_size=1, max_size=6)), max_size=20),
    st.lists(st.integers(0, 3), max_size=6),
)
def test_the_index_finds_the_longest_beginning_of_each_endpoint(reads, asked):
    """As a search through everything that was read would."""
    index = PrefixIndex(10**6)
    for name, path in reads:
        index.remember([hash(tuple(path[: end + 1])) for end in range(len(path))], name)

    depths = index.depths([hash(tuple(asked[: end + 1])) for end in range(len(asked))])

    def common(path):
        return next((n for n, (a, b) in enumerate(zip(path, asked, strict=False)) if a != b), min(len(path), len(asked)))

    expected = {name: max(common(path) for who, path in reads if who == name) for name, _ in reads}
    assert {name: depth for name, depth in expected.items() if depth} == depths


def test_memory_has_a_fixed_bound():
    """The beginnings used longest ago are forgotten first; so are calls that were read, and endpoints that left."""
    index, blocks = PrefixIndex(100 * ENTRY_BYTES), Blocks()
    for number in range(1000):
        index.remember([number * 10 + place for place in range(5)], f"e{number % 3}")
    for _ in range(MAX_REMEMBERED + 50):
        blocks.read(make_call())

    assert 100 == len(index)
    assert {"e0": 5} == index.depths([9990 + place for place in range(5)])
    assert {} == index.depths([0, 1, 2])
    assert MAX_REMEMBERED == len(blocks._prompts)
    for number in range(MAX_ENDPOINTS + 5):
        index.remember([1], f"other{number}")
    assert len(index._names) <= MAX_ENDPOINTS


def test_what_it_takes_in_memory_is_about_what_it_says():
    """200 bytes a block, for a handful of endpoints."""
    import tracemalloc

    keys = [number << 20 for number in range(20_000)]
    tracemalloc.start()
    try:
        index = PrefixIndex(20_000 * ENTRY_BYTES)
        index.remember(keys, "e0")
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used < 20_000 * ENTRY_BYTES
