"""What tests of the Gemini API share."""

from __future__ import annotations

import json

import attrs
import pytest
from llmlb_dialect_google.dialect import GoogleDialect
from llmlb_testing.providers.google import request_problems


@pytest.fixture
def dialect():
    """Return the dialect."""
    return GoogleDialect()


@pytest.fixture
def sent(dialect):
    """Return a function that encodes, has Google's own types look at it, and returns the body."""

    def encode(request, model="gemini-2.5-flash", *, stream=False):
        encoded = dialect.encode(request, model, stream=stream)
        path, _, query = encoded.path.partition("?")
        name, _, method = path.removeprefix("/").rpartition(":")
        body = json.loads(encoded.body)
        assert [] == list(request_problems(name, method, query, body)), body
        return body

    return encode


@pytest.fixture
def told():
    """Return a function that makes JSON of results, without what is as always."""
    return lambda results: [_told(result) for result in results]


def _told(value):
    if attrs.has(type(value)):
        members = attrs.fields(type(value))
        found = {member.name: getattr(value, member.name) for member in members}
        return {name: _told(each) for name, each in found.items() if each != _default(type(value), name)}
    return [_told(each) for each in value] if isinstance(value, tuple) else value


def _default(kind, name):
    return getattr(attrs.fields(kind), name).default
