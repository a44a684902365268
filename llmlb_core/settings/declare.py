"""How one setting is declared: its default, its help, its range, and what people see of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, field

MASK = "***"


def mask_url(url: object) -> object:
    """Return a URL without its password, for logs, errors and ``llmlb config show``."""
    if not isinstance(url, str):
        return url
    # greedy up to the last "@": a password may hold "@" and "/" where its writer forgot to quote it
    masked = re.sub(r"^([^:/]+://[^:/@]*):.*@", rf"\1:{MASK}@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:password|passwd|secret|token)[^=&]*=)[^&]*", rf"\1{MASK}", masked)


def mask_all(value: object) -> object:
    """Return nothing of a value but whether it is there."""
    return None if value is None else MASK


def unmasked(value: object) -> object:
    """Return a value that is no secret."""
    return value


def setting(
    default: object,
    help: str,  # noqa: A002  # reads best at the call site
    *,
    env: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    secret: bool = False,
    mask: Callable[[object], object] = unmasked,
) -> Any:
    """Declare one setting; checks its range.

    Args:
        default: A value, or a callable without arguments that makes one.
        help: One sentence for the reference page.
        env: Environment variables that set it; the first is the current name, the others are deprecated.
        minimum: Smallest allowed number; of each value where the setting is a table.
        maximum: Largest allowed number; of each value where the setting is a table.
        secret: Never shown: not in an error, not in a ``repr``, not by ``llmlb config show``.
        mask: Makes what people see of the value, where a part of it is secret.
    """

    def check(_instance: object, attribute: Attribute[object], value: object) -> None:
        problem = range_problem(value, minimum, maximum)
        if problem:
            raise ValueError(f"{attribute.name}: {problem}")

    def shown(value: object) -> str:
        return repr(mask(value))

    mask = mask_all if secret else mask
    metadata = {"help": help, "env": env, "minimum": minimum, "maximum": maximum, "secret": secret, "mask": mask}
    if callable(default):
        return field(factory=default, metadata=metadata, validator=check, repr=shown)
    return field(default=default, metadata=metadata, validator=check, repr=shown)


def range_problem(value: object, minimum: float | None, maximum: float | None) -> str | None:
    """Say in which way a number, or a number in a table, is out of range; None where it is not."""
    if isinstance(value, Mapping):
        problems = ((key, range_problem(member, minimum, maximum)) for key, member in value.items())
        return next((f"{key!r}: {problem}" for key, problem in problems if problem), None)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if minimum is not None and value < minimum:
        return f"expected at least {_number(minimum)}, got {value}"
    if maximum is not None and value > maximum:
        return f"expected at most {_number(maximum)}, got {value}"
    return None


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
