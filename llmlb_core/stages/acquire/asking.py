"""Asking other people's code: routers and admission policies. What they do wrong costs one call, never a slot."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from math import isnan
from typing import Literal

from llmlb_core.contracts.admission import AdmissionPolicy, Admit, Load, Reject, Wait, Waiter
from llmlb_core.contracts.router import Router
from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Candidate, Choice, Target
from llmlb_core.errors import CallError, InternalError, NoEndpoint
from llmlb_core.telemetry.log import get_logger

_log = get_logger("acquire")


class Asking:
    """Calls routers and the policy, checks what they answer, and counts their faults.

    Attributes:
        fault_counts: Faults by who made them, such as ``router 'round_robin'``; as many keys as there are plugins' objects.
    """

    def __init__(self, router_for: Callable[[Call, Target], Router], policy: AdmissionPolicy) -> None:
        """Ask the routers that *router_for* names, and *policy*."""
        self._router_for = router_for
        self._policy = policy
        self.fault_counts: Counter[str] = Counter()

    def choose(self, call: Call, target: Target, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the router's choice, or None where it refuses all *candidates*.

        Raises:
            InternalError: The router raised, or answered something that is no choice among them.
        """
        name = ""
        try:
            router = self._router_for(call, target)
            name = router.name
            choice = router.choose(call, candidates)
            if choice is None:
                return None
            chosen = choice.candidate
        except CallError:
            raise
        except Exception as error:
            raise self._fault("router", name, call, f"raised {type(error).__name__}") from error
        for candidate in candidates:
            if candidate is chosen:
                return choice
        raise self._fault("router", name, call, "chose something that is not a candidate")

    def place(self, call: Call, target: Target, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the router's choice, where the one that a half-open breaker is to let a call through to comes first.

        Else a router that remembers failures would never go there, and the breaker would never close. A router that refuses it
        chooses among the others.

        Raises:
            InternalError: As ``choose``.
        """
        probes = [each for each in candidates if each.endpoint.tripped is not None and target.model in each.endpoint.tripped]
        if not probes or len(candidates) == 1:
            return self.choose(call, target, candidates)
        try:
            choice = self.choose(call, target, probes[:1])
        except NoEndpoint:
            choice = None
        others = [each for each in candidates if each is not probes[0]]
        return choice or self.place(call, target, others)

    def admits_at_once(self, call: Call, queue: frozenset[str]) -> bool:
        """Return the policy's answer.

        Raises:
            InternalError: The policy raised.
        """
        try:
            return self._policy.admits_at_once(call, queue)
        except CallError:
            raise
        except Exception as error:
            raise self._fault("admission", self._policy_name, call, f"raised {type(error).__name__}") from error

    def decide(self, call: Call, load: Load) -> Admit | Wait | Reject:
        """Return the policy's verdict.

        Raises:
            InternalError: The policy raised, or answered something that is no verdict.
        """
        try:
            verdict = self._policy.decide(call, load)
        except CallError:
            raise
        except Exception as error:
            raise self._fault("admission", self._policy_name, call, f"raised {type(error).__name__}") from error
        if isinstance(verdict, Wait) and not (isinstance(verdict.sort_key, int | float) and not isnan(verdict.sort_key)):
            # NaN is neither above nor below anything, and would spoil the order of the whole line
            raise self._fault("admission", self._policy_name, call, "answered a sort key that is no number")
        if not isinstance(verdict, Admit | Wait | Reject):
            raise self._fault("admission", self._policy_name, call, "answered something that is no verdict")
        return verdict

    def granted(self, waiter: Waiter) -> None:
        """Tell the policy; what it raises is noted only, the lease is given already."""
        try:
            self._policy.granted(waiter)
        except Exception as error:  # noqa: BLE001  # a plugin's code
            self._fault("admission", self._policy_name, waiter.call, f"raised {type(error).__name__} in granted")

    def left(self, waiter: Waiter) -> None:
        """Tell the policy; what it raises is noted only, the call is gone already."""
        try:
            self._policy.left(waiter)
        except Exception as error:  # noqa: BLE001  # a plugin's code
            self._fault("admission", self._policy_name, waiter.call, f"raised {type(error).__name__} in left")

    @property
    def _policy_name(self) -> str:
        return str(getattr(self._policy, "name", type(self._policy).__name__))

    def _fault(self, kind: Literal["router", "admission"], name: str, call: Call, what: str) -> InternalError:
        who = f"{'router' if kind == 'router' else 'admission policy'} {name!r}"
        self.fault_counts[who] += 1
        write = _log.error if sys.exception() is None else _log.exception
        write("plugin_fault", who=who, what=what, call=call.id)
        error = InternalError(f"This call could not be placed: the {who} {what}; see the server's log for {call.id}.")
        error.culprit = f"{kind}:{name}"
        return error
