"""What a model name comes to: what is said of one that nothing here answers to; the answers of ``choice`` for the others."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from llmlb_core.errors import ModelNotFound
from llmlb_core.models.choice import EngineChoice, NoEngine

__all__ = ["EngineChoice", "NoEngine", "not_found", "not_served", "suggestions"]

_MAX_SHOWN = 120
_MAX_COMPARED = 2000  # difflib takes some 50 µs a name


def suggestions(name: str, known: Collection[str], count: int = 3) -> tuple[str, ...]:
    """Return the names among *known* that *name* may have meant, best first."""
    wanted = name.lower()[:_MAX_SHOWN]
    by_lower = {candidate.lower(): candidate for candidate in list(known)[:_MAX_COMPARED]}
    parts = [candidate for candidate in by_lower if len(wanted) >= 3 and wanted in candidate]
    close = difflib.get_close_matches(wanted, by_lower, n=count, cutoff=0.6)
    return tuple(by_lower[candidate] for candidate in dict.fromkeys([*close, *sorted(parts, key=len)]))[:count]


def not_served(name: str, known: Collection[str], model_count: int | None = None) -> str:
    """Say that *name* is not served here, what may have been meant, and how to add a model.

    Args:
        name: As the client wrote it.
        known: Names that the client may know of: ids and aliases.
        model_count: How many models are served; None = ``len(known)``.
    """
    shown = name if len(name) <= _MAX_SHOWN else name[: _MAX_SHOWN - 1] + "…"
    count = len(known) if model_count is None else model_count
    models = "1 model is" if count == 1 else f"{count} models are" if count else "no model is"
    near = suggestions(name, known)
    hint = f" Did you mean {' or '.join(repr(candidate) for candidate in near)}?" if near else ""
    return (
        f"model {shown!r} is not served here; {models} (llmlb models list; add one with llmlb models add <scheme>:<name>, "
        f"or the first with llmlb models add starter).{hint}"
    )


def not_found(name: str, known: Collection[str], model_count: int | None = None) -> ModelNotFound:
    """Return the error that a call of an unknown model is answered with."""
    return ModelNotFound(not_served(name, known, model_count), param="model")
