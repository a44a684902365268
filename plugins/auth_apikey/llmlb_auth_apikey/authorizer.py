"""Keeps a key to the models on its list."""

from __future__ import annotations

from typing import ClassVar

from llmlb_core import Authorizer, Call, Principal, Target


class ModelAllowList(Authorizer):
    """Vetoes every target whose model is not on the principal's list, where it has one."""

    name: ClassVar[str] = "apikey_models"

    def veto(self, principal: Principal, call: Call, target: Target) -> str | None:
        """Allow what the client wrote (an alias on the list) and what it resolved to; nothing else."""
        if principal.models is None or call.model in principal.models or target.model in principal.models:
            return None
        return f"This API key may not use the model '{call.model}'; it is limited to {len(principal.models)} others."
