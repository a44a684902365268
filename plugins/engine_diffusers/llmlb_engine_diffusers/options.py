"""The options of this engine: the table ``[models."<id>".options]``."""

from __future__ import annotations

from typing import Literal, TypeVar

from attrs import Attribute, field, frozen

T = TypeVar("T")

DType = Literal["auto", "float32", "float16", "bfloat16"]


def _option(default: T, help: str, minimum: float | None = None, maximum: float | None = None) -> T:  # noqa: A002  # as in llmlb's own settings
    """Declare one option; its help goes to the reference page."""

    def check(_instance: object, attribute: Attribute[T], value: T) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        if minimum is not None and value < minimum:
            raise ValueError(f"{attribute.name} is {value}, expected at least {minimum:g}")
        if maximum is not None and value > maximum:
            raise ValueError(f"{attribute.name} is {value}, expected at most {maximum:g}")

    made: T = field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum}, validator=check)
    return made


@frozen
class DiffusersOptions:
    """How one pipeline is loaded, and how it draws where a request does not say."""

    dtype: DType = _option("auto", "Number format of the weights; `auto` is float32 on a CPU and the file's 16 bits on a GPU.")
    size: int | None = _option(
        None, "Side of the square that the model draws best, in pixels; absent = what its files say.", minimum=8, maximum=4096
    )
    steps: int | None = _option(
        None,
        "Steps of a picture of quality `standard`; `hd` takes half as many again. Absent = as `drawing.json` says, or 20.",
        minimum=1,
        maximum=100,
    )
    guidance: float | None = _option(
        None,
        "How closely the prompt is followed; absent = as `drawing.json` says, or the pipeline's own. `natural` takes 5 at most.",
        minimum=0,
        maximum=50,
    )
    strength: float = _option(0.8, "How much an edit changes, from 0 to 1.", minimum=0.01, maximum=1)
    variation_strength: float = _option(0.6, "How much a variation changes, from 0 to 1.", minimum=0.01, maximum=1)
    cpu_offload: bool = _option(False, "Keep on the GPU only the part that is at work: slower, and a third of the memory.")
    trust_code: bool = _option(False, "Run Python code that lies in the model's directory. Pickled weights are never read.")
