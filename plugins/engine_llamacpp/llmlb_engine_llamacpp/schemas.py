"""Makes JSON schemas ready, and refuses those that llama.cpp cannot compile: it would answer without any constraint.

llama.cpp's grammar library (llguidance) writes a line to stderr then and lets the model write what it likes. So every new schema is
tried once on one token which no JSON value can begin with and which is pushed as far up as can be: if it comes out, nothing held
it back.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict

import msgspec
from attrs import define, field

from llmlb_core.errors import InvalidRequest
from llmlb_engine_llamacpp.events import Event, raise_for
from llmlb_engine_llamacpp.native import NativeServer

MAX_KNOWN = 256
# Begins no number, string, list, object, `true`, `false` or `null`.
_IMPOSSIBLE = "Z"
_PUSH = 1_000_000.0
# One way to write a document: a small model that may add white space can go on adding it for ever.
_WRITTEN = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


@define
class SchemaGate:
    """Knows how this model's server takes a schema. Safe from any thread."""

    _server: NativeServer
    _start_id: int | None
    _known: OrderedDict[str, dict[str, object] | None] = field(factory=OrderedDict, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def enforced(self, text: str) -> dict[str, object]:
        """Return the schema to send for *text*: as strict as llama.cpp can be.

        Keywords that it does not know (``uniqueItems``, ``not``, ``if``, unknown formats, …) are ignored, the rest is enforced.

        Raises:
            InvalidRequest: It is not JSON, no schema, or cannot be compiled even so.
        """
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return _or_refuse(self._known[text])
        schema = read_schema(text)
        variants = ({**schema, "x-guidance": {**_WRITTEN, "lenient": lenient}} for lenient in (False, True))
        ready = next((variant for variant in variants if self._compiles(variant)), None)
        with self._lock:
            self._known[text] = ready
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return _or_refuse(ready)

    def _compiles(self, schema: dict[str, object]) -> bool:
        """Say whether *schema* keeps an impossible token from coming out."""
        # The last one: some tokenizers write a token of white space, which JSON allows, before the letter.
        impossible = self._server.tokenize(_IMPOSSIBLE, add_special=False)[-1]
        events: list[bytes] = []

        def keep(event: bytes) -> bool:
            events.append(event)
            return False

        body = {
            "prompt": [impossible if self._start_id is None else self._start_id],
            "n_predict": 1,
            "temperature": 0,
            "stream": True,
            "cache_prompt": False,
            "json_schema": schema,
            "logit_bias": [[impossible, _PUSH]],
        }
        self._server.complete(msgspec.json.encode(body), keep)
        text = ""
        for data in events:
            event = Event.read(data)
            if event is None:
                continue
            if event.error is not None and event.error.type == "invalid_request_error":
                return False
            raise_for(event)
            text += "".join(choice.text for choice in event.choices)
        return _IMPOSSIBLE not in text


def read_schema(text: str) -> dict[str, object]:
    """Read a JSON schema.

    Raises:
        InvalidRequest: It is not JSON, or nothing that a schema can be.
    """
    try:
        schema: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The JSON schema is not JSON: {error}.", param="response_format", code="invalid_json_schema"
        ) from error
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        raise InvalidRequest(
            f"The JSON schema is {text[:50]!r}, expected an object such as {{'type': 'object'}}.",
            param="response_format",
            code="invalid_json_schema",
        )
    return schema


def _or_refuse(ready: dict[str, object] | None) -> dict[str, object]:
    if ready is None:
        raise InvalidRequest(
            "The JSON schema cannot be enforced by this model's engine (llama.cpp). Simplify it: known types, references within "
            "the schema, patterns without look-around, integers within 64 bits, and something that can be fulfilled.",
            param="response_format",
            code="invalid_json_schema",
        )
    return ready
