"""``[plugins.observer_prometheus]``."""

from __future__ import annotations

from attrs import frozen

from llmlb_core import setting


@frozen
class PrometheusSettings:
    """Who may look."""

    public: bool = setting(False, "Whether /metrics is shown without a key; names of models and endpoints are on it.")
