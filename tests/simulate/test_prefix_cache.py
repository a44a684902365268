"""What an endpoint remembers of prompts."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.simulate.prefix_cache import BLOCK_TOKENS, PrefixCache


class BlockList:
    """The same, block by block, as an engine has it: slow, and plain to see."""

    def __init__(self, capacity_blocks):
        self.capacity = capacity_blocks
        self.blocks = OrderedDict()

    def take(self, segments):
        prompt = [(key, number) for key, size in segments for number in range(size)]
        cached = 0
        for block in prompt:
            if block not in self.blocks:
                break
            cached += 1
        for block in reversed(prompt):
            self.blocks.pop(block, None)
            self.blocks[block] = None
            if len(self.blocks) > self.capacity:
                self.blocks.popitem(last=False)
        return cached


sizes = st.integers(1, 6)
prompts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40)


@given(prompts, st.integers(1, 40), st.lists(sizes, min_size=16, max_size=16))
def test_segments_behave_as_blocks_do(order, capacity_blocks, size_of):
    """Whatever is asked in whatever order, as much is remembered as a list of blocks would remember."""
    cache, blocks = PrefixCache(capacity_blocks * BLOCK_TOKENS), BlockList(capacity_blocks)
    for trunk, branch in order:
        segments = [(("trunk", trunk), size_of[trunk]), (("branch", trunk, branch), size_of[4 + branch])]
        total = sum(size for _, size in segments)

        cached = cache.take([(key, size * BLOCK_TOKENS) for key, size in segments])

        expected = blocks.take(segments)
        assert min(expected, total - 1) == cached // BLOCK_TOKENS if total <= capacity_blocks else cached <= total * BLOCK_TOKENS
        assert cache.used_tokens <= capacity_blocks * BLOCK_TOKENS


def test_a_prompt_is_remembered_up_to_where_it_differs():
    """A shared beginning counts, what follows a difference does not."""
    cache = PrefixCache(10_000)
    cache.take([("system", 1600), ("first", 320)])

    cached = cache.take([("system", 1600), ("second", 320)])

    assert 1600 == cached


def test_the_last_token_is_always_computed():
    """An engine needs it to generate anything."""
    cache = PrefixCache(10_000)
    cache.take([("same", 160)])

    assert 159 == cache.take([("same", 160)])


def test_nothing_is_remembered_without_capacity():
    """``cache_tokens = 0``."""
    cache = PrefixCache(0)
    cache.take([("same", 160)])

    assert 0 == cache.take([("same", 160)])


def test_an_endpoint_that_starts_again_remembers_nothing():
    """Its memory went with it."""
    cache = PrefixCache(10_000)
    cache.take([("same", 160)])

    cache.forget_all()

    assert 0 == cache.take([("same", 160)])
    assert 160 == cache.used_tokens
