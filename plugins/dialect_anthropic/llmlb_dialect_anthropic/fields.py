"""A JSON object being read: typed getters whose errors carry the path of what is wrong, in the words of Anthropic's API.

A path is dotted, ``messages.0.content.1.text``, and begins the message, for the error document has no place for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core.errors import InvalidRequest, UnsupportedParameter

_MAX_QUOTED = 64


def kind_of(value: object) -> str:
    """Name the JSON type of *value*, with its article."""
    names = {
        type(None): "null",
        bool: "a boolean",
        str: "a string",
        int: "an integer",
        float: "a decimal number",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "something else")


def quoted(value: object) -> str:
    """Show *value* in a message, shortened."""
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def listed(options: Sequence[str]) -> str:
    """Return *options* as a message lists them."""
    return ", ".join(f"'{option}'" for option in options)


def wrong_type(param: str, expected: str, value: object) -> InvalidRequest:
    """Make the error for a value of the wrong JSON type."""
    return InvalidRequest(f"{param}: Input should be {expected}, but got {kind_of(value)}.", param=param, code="invalid_type")


def wrong_value(param: str, expected: str, value: object, code: str = "invalid_value") -> InvalidRequest:
    """Make the error for a value of the right type that is not allowed."""
    return InvalidRequest(f"{param}: Input should be {expected}, but got {quoted(value)}.", param=param, code=code)


def missing(param: str) -> InvalidRequest:
    """Make the error for a parameter that must be there."""
    return InvalidRequest(f"{param}: Field required", param=param, code="missing_required_parameter")


def unsupported(param: str, reason: str) -> UnsupportedParameter:
    """Make the error for what the API has and the model that serves the call cannot be given."""
    return UnsupportedParameter(f"{param}: {reason}", param=param)


class Fields:
    """One JSON object and where it lies in the body.

    A member that is absent and one that is ``null`` read the same: None. Every getter remembers its name, so that ``unread``
    can tell which parameters nothing understood.
    """

    __slots__ = ("_seen", "path", "table")

    def __init__(self, value: object, path: str = "") -> None:
        """Read *value*, which must be an object, found at *path*."""
        if not isinstance(value, dict):
            raise wrong_type(path or "body", "an object", value)
        self.table: dict[str, object] = value
        self.path = path
        self._seen: set[str] = set()

    def param(self, name: str) -> str:
        """Return the path of a member, as errors show it."""
        return f"{self.path}.{name}" if self.path else name

    def value(self, name: str) -> object:
        """Return a member as it is."""
        self._seen.add(name)
        return self.table.get(name)

    def require(self, name: str) -> object:
        """Return a member that must be there and not null."""
        value = self.value(name)
        if value is None:
            raise missing(self.param(name))
        return value

    @property
    def unread(self) -> list[str]:
        """Names that no getter asked for."""
        return [name for name in self.table if name not in self._seen]

    def string(self, name: str, *, max_length: int | None = None) -> str | None:
        """Return a string."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise wrong_type(self.param(name), "a valid string", value)
        if max_length is not None and len(value) > max_length:
            param = self.param(name)
            raise InvalidRequest(
                f"{param}: String should have at most {max_length} characters, but has {len(value)}.",
                param=param,
                code="string_above_max_length",
            )
        return value

    def required_string(self, name: str, *, max_length: int | None = None) -> str:
        """Return a string that must be there."""
        self.require(name)
        return self.string(name, max_length=max_length) or ""

    def one_of(self, name: str, options: Sequence[str]) -> str | None:
        """Return a string that must be one of *options*."""
        value = self.string(name)
        if value is not None and value not in options:
            raise wrong_value(self.param(name), f"one of {listed(options)}", value)
        return value

    def boolean(self, name: str) -> bool | None:
        """Return a boolean."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong_type(self.param(name), "a valid boolean", value)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer in [low, high]."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(self.param(name), "a valid integer", value)
        self._check_range(name, value, low, high)
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number in [low, high]."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(self.param(name), "a valid number", value)
        self._check_range(name, value, low, high)
        return float(value)

    def _check_range(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            bound = f"greater than or equal to {low:g}" if value < low else f"less than or equal to {high:.10g}"
            raise wrong_value(self.param(name), bound, value)

    def array(self, name: str, *, max_length: int | None = None) -> list[object] | None:
        """Return an array."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise wrong_type(self.param(name), "a valid list", value)
        if max_length is not None and len(value) > max_length:
            param = self.param(name)
            raise InvalidRequest(
                f"{param}: List should have at most {max_length} items, but has {len(value)}.",
                param=param,
                code="array_above_max_length",
            )
        return value

    def object(self, name: str) -> Fields | None:
        """Return an object, to be read on."""
        value = self.value(name)
        return None if value is None else Fields(value, self.param(name))

    def required_object(self, name: str) -> Fields:
        """Return an object that must be there, to be read on."""
        return Fields(self.require(name), self.param(name))
