from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.errors import EngineFailed
from llmlb_core.worker.chat_format.pieces import Call
from llmlb_core.worker.chat_format.required_call import RequiredCall

objects = st.dictionaries(
    st.text('ab"\\{}é', max_size=4), st.text('ab"\\{}é', max_size=6) | st.integers() | st.lists(st.booleans()), max_size=3
)


def test_arguments_are_passed_on_as_they_are_generated():
    """The name comes first with the id, then every piece of the arguments at once."""
    parser = RequiredCall()

    deltas = [
        [(p.delta.name, p.delta.arguments) for p in parser.feed(text) if isinstance(p, Call)]
        for text in ['{"na', 'me": "get_we', 'ather", "arg', 'uments": {"ci', 'ty": "Par', 'is"}', "}"]
    ]

    assert [[], [], [("get_weather", "")], [(None, '{"ci')], [(None, 'ty": "Par')], [(None, 'is"}')], []] == deltas
    assert parser.is_done


def test_first_piece_has_an_id_and_the_others_have_none():
    """An id looks like OpenAI's, and no two calls share one."""
    pieces = [p.delta for p in RequiredCall().feed('{"name":"f","arguments":{}}') if isinstance(p, Call)]
    others = [p.delta for p in RequiredCall().feed('{"name":"f","arguments":{}}') if isinstance(p, Call)]

    assert pieces[0].id.startswith("call_")
    assert pieces[1].id is None
    assert pieces[0].id != others[0].id


@given(objects, st.booleans(), st.lists(st.integers(1, 5), min_size=1))
def test_call_is_the_same_wherever_it_is_cut(read, cut, arguments, name_comes_first, lengths):
    """Whatever the arguments hold, and whichever member comes first, name and raw arguments come out."""
    members = {"name": "f", "arguments": arguments} if name_comes_first else {"arguments": arguments, "name": "f"}
    raw = json.dumps(members)

    reading = read(lambda: [RequiredCall()], cut(raw, lengths))

    assert {0: ("f", json.dumps(arguments))} == reading.calls
    assert ("", True) == (reading.text, reading.is_done)


def test_call_that_was_cut_keeps_what_came(read):
    """At `max_tokens` the client has the arguments so far."""
    reading = read(lambda: [RequiredCall()], ['{"name":"f","arguments":{"a":'])

    assert {0: ("f", '{"a":')} == reading.calls
    assert not reading.is_done


def test_engine_that_ignores_the_schema_is_an_error():
    """Text where JSON was enforced is the engine's failure, not an answer."""
    with pytest.raises(EngineFailed, match="did not keep to the JSON schema"):
        RequiredCall().feed("Sure! ")
