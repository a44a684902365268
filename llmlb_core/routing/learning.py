"""Which feedback learns: what serves only routers that no call can get is told of no call, and costs none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmlb_core.contracts.observer import Feedback
from llmlb_core.contracts.router import Router


def feedback_in_use(feedbacks: Mapping[str, Feedback], routers: Iterable[Router], *others: object) -> dict[str, Feedback]:
    """Return those of *feedbacks* that serve nobody in particular, or one of *routers*, a part of one, or one of *others*.

    Args:
        feedbacks: By name.
        routers: All that a call may get.
        others: What else is in use, such as the admission policy.
    """
    # By identity: a plugin's class may compare as it likes.
    used = {id(each) for router in routers for each in (router, *router.parts)} | {id(each) for each in others}
    return {
        name: feedback
        for name, feedback in feedbacks.items()
        if not feedback.serves or any(id(each) in used for each in feedback.serves)
    }
