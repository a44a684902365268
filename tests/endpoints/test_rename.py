"""The model's name in a body is changed, and nothing else."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.endpoints.rename import rename_model
from llmlb_core.errors import InvalidRequest

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["model", '"model": "x"']),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["model", "messages", 'a"b', "\\"]) | st.text(), inner)
    ),
    max_leaves=15,
)
BLANKS = st.text(" \t\r\n", max_size=3)


@st.composite
def bodies(draw):
    """Return the parts of a body: before the model's name, the name as written, after it."""
    before = draw(st.dictionaries(st.text().filter(lambda key: key != "model"), JSON, max_size=4))
    after = draw(st.dictionaries(st.text().filter(lambda key: key != "model" and key not in before), JSON, max_size=4))
    ascii_only = draw(st.booleans())

    def members(table):
        return [
            draw(BLANKS)
            + json.dumps(key, ensure_ascii=ascii_only)
            + draw(BLANKS)
            + ":"
            + draw(BLANKS)
            + json.dumps(value)
            + draw(BLANKS)
            for key, value in table.items()
        ]

    name = draw(st.text(min_size=1))
    first = ",".join([*members(before), draw(BLANKS) + '"model"' + draw(BLANKS) + ":" + draw(BLANKS)])
    last = ",".join(["", *members(after)]) if after else ""
    parts = "{" + first, json.dumps(name, ensure_ascii=ascii_only), draw(BLANKS) + last + "}"
    return tuple(part.encode("utf-8", "replace") for part in parts)


@given(bodies(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_other_byte_is_equal(parts, name):
    """Wherever the member stands and whatever else is called so."""
    before, written, after = parts

    changed = rename_model(b"".join(parts), name)

    assert changed == before + (written if json.loads(written) == name else msgspec.json.encode(name)) + after
    assert name == json.loads(changed)["model"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a","model":"b"}', b'{"model":"a","model":"new"}'),
        (b'{"x":"model","model" : "a", "y":"model"}', b'{"x":"model","model" : "new", "y":"model"}'),
        (b'{"a":[{"model":"q"}],"model":"a","z":{"model":"r"}}', b'{"a":[{"model":"q"}],"model":"new","z":{"model":"r"}}'),
        (b'{"a":[{"text":"\\"model\\": \\"x\\""}],"model":"a"}', b'{"a":[{"text":"\\"model\\": \\"x\\""}],"model":"new"}'),
        (b'{"mod\\u0065l":"a","z":{"model":"r"}}', b'{"mod\\u0065l":"new","z":{"model":"r"}}'),
        (b'{"model":"a\\"\\\\","z":1}', b'{"model":"new","z":1}'),
    ],
)  # fmt: skip
def test_the_right_member_is_found(body, expected):
    """Text that looks like it, objects that have one, escapes, members written twice."""
    assert expected == rename_model(body, "new")


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2,"x":{"model":"q"},"mod\\u0065l":"a"}', b'{"mod\\u0065l":"a","model":"b","mod\\u0065l":"c"}']
)
def test_what_cannot_be_found_is_the_clients_error(body):
    """Never a body that names another model than the one that was chosen."""
    with pytest.raises(InvalidRequest) as caught:
        rename_model(body, "new")

    assert "model" == caught.value.param


def test_hostile_bodies_cost_little():
    """100,000 objects that have a model of their own: linear, not a decoding for each."""
    inner = ",".join(['{"model":"x"}'] * 100_000)
    body = f'{{"messages":[{inner}],"model":"a","tools":[{inner}]}}'.encode()

    started_at = time.perf_counter()
    changed = rename_model(body, "new")

    assert "new" == json.loads(changed)["model"]
    assert time.perf_counter() - started_at < 2
