"""Hypothesis strategies for request bodies. Needs ``pip install "llmlb-testing[hypothesis]"``; nothing else here does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from llmlb_testing.nasty import places, replaced

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value, with NaN, huge numbers and lone surrogates."""


def broken_bodies(valid: Sequence[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Any bytes, any JSON, or one of the *valid* bodies with any value at any place."""
    damaged = st.sampled_from(list(valid)).flatmap(
        lambda body: st.tuples(st.sampled_from(list(places(body))), json_values).map(lambda drawn: replaced(body, *drawn))
    )
    return st.binary(max_size=64) | (json_values | damaged).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
