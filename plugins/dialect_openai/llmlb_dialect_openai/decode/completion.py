"""``POST /v1/completions``: its body as a ``CompletionRequest``."""

from __future__ import annotations

from attrs import evolve

from llmlb_core import CompletionRequest, Decoded
from llmlb_core.errors import InvalidRequest, UnsupportedParameter
from llmlb_dialect_openai.decode.parameters import effectless, ignored_names, read_hints, read_stream_options
from llmlb_dialect_openai.decode.sampling import read_n, read_sampling, read_stop
from llmlb_dialect_openai.decode.token_lists import read_inputs
from llmlb_dialect_openai.fields import Fields

_MAX_PROMPTS = 128
_MAX_CHOICES = 128
# OpenAI's documented default of this route; chat has none.
_DEFAULT_MAX_TOKENS = 16


def decode_completion(fields: Fields) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    ignored = [*effectless(fields, {"store": ("boolean", (False,))}), *read_stream_options(fields)]
    read_hints(fields)
    prompts = read_inputs(fields, "prompt", _MAX_PROMPTS)
    n = read_n(fields)
    _check_best_of(fields, n)
    if n * len(prompts) > _MAX_CHOICES:
        raise InvalidRequest(
            f"Too many choices: {len(prompts)} prompts with n = {n} are {n * len(prompts)}, and {_MAX_CHOICES} are the most.",
            param="n",
        )
    echo = bool(fields.boolean("echo"))
    logprobs = fields.integer("logprobs", 0, 5)
    # Scoring a prompt (echo, logprobs, nothing generated) is what OpenAI allows 0 for.
    sampling = read_sampling(fields, ("max_tokens",), least_tokens=0 if echo else 1)
    if sampling.max_tokens is None:
        sampling = evolve(sampling, max_tokens=_DEFAULT_MAX_TOKENS)
    request = CompletionRequest(
        prompts=prompts,
        sampling=sampling,
        n=n,
        stop=read_stop(fields),
        logprobs=logprobs is not None,
        top_logprobs=logprobs or 0,
        echo=echo,
        suffix=fields.string("suffix") or None,
    )
    return Decoded(request, ignored_names([*ignored, *fields.unread]))


def _check_best_of(fields: Fields, n: int) -> None:
    """Read ``best_of``, of which only ``n`` itself can be had."""
    best_of = fields.integer("best_of", 1, 20)
    if best_of is None or best_of == n:
        return
    if best_of < n:
        raise InvalidRequest(f"'best_of' must be at least 'n': got best_of = {best_of} and n = {n}.", param="best_of")
    raise UnsupportedParameter(
        "Generating more answers than are returned is not supported here: leave 'best_of' out.", param="best_of"
    )
