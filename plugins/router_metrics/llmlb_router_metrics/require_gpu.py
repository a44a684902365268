"""A filter for those who want no call on a machine without a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from llmlb_core import Call, Candidate, Filter


class RequireGpu(Filter):
    """Insists on a GPU (5cd7b614, whose refusal at registration was withdrawn: here it is an operator's choice).

    An endpoint that tells nothing of GPUs does not pass. A model without an endpoint that passes is answered 503.
    """

    name = "require_gpu"

    def keep(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return those that say they have one."""
        del call
        return [each for each in candidates if (facts := each.endpoint.facts) is not None and facts.gpu_count]

    def why_not(self, call: Call, candidate: Candidate) -> str:
        """Say what is known."""
        del call
        facts = candidate.endpoint.facts
        return "it tells nothing of a GPU" if facts is None or facts.gpu_count is None else "it has no GPU"
