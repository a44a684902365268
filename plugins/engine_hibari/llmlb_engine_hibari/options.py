"""The options of this engine: the table ``[models."<id>".options]``."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class HibariOptions:
    """Which voices there are."""

    voices: dict[str, str] = field(
        factory=dict,
        metadata={"help": "Further voices: the name that clients use, and the file of that voice beside the model's."},
    )
