"""Stage 2: bytes → call. The body is kept as it came; only the routing fields are decoded. Forms are read while they arrive."""

from __future__ import annotations

import orjson

from llmlb_core.contracts.dialect import Entry
from llmlb_core.contracts.outlet import Outlet
from llmlb_core.domain.calls import Call, Head
from llmlb_core.domain.forms import Form
from llmlb_core.domain.principals import Principal
from llmlb_core.errors import InvalidRequest
from llmlb_core.settings.sections import ServerSettings
from llmlb_core.uploads.reader import Uploads


class Parse:
    """Reads the body within its limits and asks the dialect for the routing fields."""

    def __init__(self, settings: ServerSettings, uploads: Uploads) -> None:
        """Take the limits from *settings*; forms are read by *uploads*."""
        self._settings = settings
        self._uploads = uploads

    def at_once(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call | None:
        """Return the call where all of it is there; None = await the call of the stage itself.

        Raises:
            InvalidRequest: As there.
        """
        if entry.route.takes_form:
            return None
        body = outlet.body_at_once(min(entry.route.max_body_bytes, self._settings.max_body_bytes))
        return None if body is None else self._call(head, entry, principal, body)

    async def __call__(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call:
        """Return the call.

        Raises:
            BodyTooLarge: Above the route's or the server's limit.
            BodyTimeout: The client stopped sending.
            UnsupportedContentType: No form, where the route takes one.
            InvalidRequest: No JSON or form, a routing field of the wrong type, or no model.
            NoRoomForUpload: A large file cannot be kept.
        """
        if entry.route.takes_form:
            return await self._form_call(head, entry, principal, outlet)
        max_bytes = min(entry.route.max_body_bytes, self._settings.max_body_bytes)
        return self._call(head, entry, principal, await outlet.body(max_bytes, self._settings.body_timeout_s))

    async def _form_call(self, head: Head, entry: Entry, principal: Principal, outlet: Outlet) -> Call:
        """Return the call of a form; ``end`` is due when it is over."""
        settings, route = self._settings, entry.route
        max_bytes = min(route.max_body_bytes, settings.max_upload_bytes)
        content_type = head.headers.get("content-type", "")
        form = await self._uploads.read(outlet, route.path, content_type, max_bytes, settings.body_timeout_s)
        try:
            outlet.note_body(_summary(form))
            return self._of_form(head, entry, principal, form)
        except BaseException:
            self._uploads.release(form)
            raise

    def _of_form(self, head: Head, entry: Entry, principal: Principal, form: Form) -> Call:
        dialect, route = entry.dialect, entry.route
        fields = dialect.parse_form(route, form)
        if not fields.model:
            raise InvalidRequest(
                "You must provide a model: send it as a field of the form, model=NAME.",
                param="model",
                code="missing_required_parameter",
            )
        deadline_at = head.received_at + self._settings.call_timeout_s
        return Call(
            head.id, head, route, dialect, b"", fields.model, bool(fields.stream), principal, deadline_at, fields, form=form
        )

    def end(self, call: Call | None) -> None:
        """Delete what *call*, which is over, left on disk."""
        if call is not None and call.form is not None:
            self._uploads.release(call.form)

    def _call(self, head: Head, entry: Entry, principal: Principal, body: bytes) -> Call:
        dialect, route = entry.dialect, entry.route
        fields = dialect.parse(route, body)
        if not fields.model:
            raise InvalidRequest('You must provide a model parameter, such as "model": "smollm2".', param="model")
        deadline_at = head.received_at + self._settings.call_timeout_s
        # By place: names cost a third more.
        return Call(head.id, head, route, dialect, body, fields.model, bool(fields.stream), principal, deadline_at, fields)


def _summary(form: Form) -> bytes:
    """Return what may be kept of *form*: its fields, and of its files all but their bytes."""
    summary: dict[str, list[object]] = {}
    for name, value in form.fields:
        summary.setdefault(name, []).append(value)
    for file in form.files:
        facts = {"filename": file.filename, "content_type": file.content_type, "size_bytes": file.blob.size_bytes}
        summary.setdefault(file.name, []).append(facts)
    return orjson.dumps({name: values[0] if len(values) == 1 else values for name, values in summary.items()})
