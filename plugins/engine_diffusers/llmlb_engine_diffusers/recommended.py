"""``drawing.json`` beside ``model_index.json``: how a model's author recommends it to be used. Pipelines have no place for that."""

from __future__ import annotations

from pathlib import Path

import msgspec

from llmlb_core.errors import ModelFilesInvalid

NAME = "drawing.json"
DEFAULT_STEPS = 20
_MAX_BYTES = 64 * 1024


class Recommended(msgspec.Struct, frozen=True):
    """What the file may say; a request and the operator's options come first.

    Attributes:
        steps: From 1 to 100.
        guidance: From 0 to 50; None = the pipeline's own.
    """

    steps: int = DEFAULT_STEPS
    guidance: float | None = None


def read_recommended(directory: Path) -> Recommended:
    """Return what the file in *directory* says, the defaults where there is none.

    Raises:
        ModelFilesInvalid: It is damaged, or out of range.
    """
    path = directory / NAME
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(_MAX_BYTES), type=Recommended)
    except FileNotFoundError:
        return Recommended()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelFilesInvalid(f'{path} cannot be read ({error}); expected such as {{"steps": 20, "guidance": 5.0}}') from error
    if not (1 <= found.steps <= 100 and (found.guidance is None or 0 <= found.guidance <= 50)):
        raise ModelFilesInvalid(f"{path} says {found}; steps are from 1 to 100, and guidance from 0 to 50")
    return found
