"""Registered servers as documents: what the admin API answers and ``llmlb endpoints --json`` prints. Never a key."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from llmlb_core.domain.registration import HealthCheck, ServedModel
from llmlb_core.domain.remote import Report
from llmlb_core.endpoints.registered import RegisteredEndpoint
from llmlb_core.endpoints.sync import Synced
from llmlb_core.endpoints.trial import Trial

DEFAULT_INFERENCE_TIMEOUT_S = 120
MOST_SHOWN = 100
_HIDDEN = ("base_url", "notes", "last_error")

Document = dict[str, Any]


def endpoint_document(endpoint: RegisteredEndpoint, interval_s: float, *, is_whole: bool = True) -> Document:
    """Return what is shown of *endpoint*.

    Args:
        endpoint: One that is registered.
        interval_s: Of ``[health]``, where it has none of its own.
        is_whole: False hides where it is and what it says, from those who may only use it.
    """
    said, seen = endpoint.registration, endpoint.condition
    own_s = said.check_interval_s
    reason = _why_not(endpoint)
    document = {
        "id": endpoint.id,
        "name": endpoint.name,
        "base_url": said.url,
        "status": seen.status.value,
        "kind": endpoint.kind,
        "origin": said.origin,
        "is_read_only": said.is_read_only,
        "has_api_key": said.key is not None or said.key_problem is not None,
        "health_check_interval_secs": interval_s if own_s is None else own_s,
        "inference_timeout_secs": said.inference_timeout_s or DEFAULT_INFERENCE_TIMEOUT_S,
        "timeouts": attrs.asdict(endpoint.timeouts),
        "capabilities": None if said.capabilities is None else [each.value for each in said.capabilities],
        "latency_ms": seen.latency_ms,
        "last_seen": moment(seen.last_seen),
        "last_error": seen.last_error,
        "error_count": seen.error_count,
        "last_checked": moment(seen.checked_at),
        "registered_at": moment(said.registered_at),
        "notes": said.notes,
        "supports_responses_api": seen.supports_responses,
        "is_routable": reason is None,
        "unroutable_reason": reason,
        "breakers": breaker_documents(endpoint, is_whole=is_whole),
        "in_flight": endpoint.in_flight,
        "max_in_flight": endpoint.max_in_flight,
        "model_count": len(endpoint.served),
        "report": report_document(endpoint.report),
        "version": said.version,
    }
    return document if is_whole else {**document, **dict.fromkeys(_HIDDEN)}


def breaker_documents(endpoint: RegisteredEndpoint, *, is_whole: bool = True) -> list[Document]:
    """Return the circuit breakers of *endpoint* that remember a failure, by model."""
    now, at = time.monotonic(), datetime.now(UTC)
    return [
        {
            "model": model,
            "state": breaker.state.value,
            "since": moment(at - timedelta(seconds=now - breaker.since)),
            "until": moment(at + timedelta(seconds=breaker.until - now)) if breaker.until > now else None,
            "failures": breaker.failure_count,
            "last_error": breaker.last_error if is_whole else None,
        }
        for model, breaker in sorted((endpoint.breakers or {}).items())
        if not breaker.is_quiet(now)
    ]


def _why_not(endpoint: RegisteredEndpoint) -> str | None:
    """Return why no call at all is sent there: its own reason, or that every model's breaker keeps calls away."""
    if endpoint.unroutable_reason is not None or endpoint.tripped is None or not endpoint.served:
        return endpoint.unroutable_reason
    if len(endpoint.tripped) < len(endpoint.served) or any(map(endpoint.takes, endpoint.served)):
        return None
    return endpoint.why_not(next(iter(endpoint.served)), time.monotonic())


def report_document(report: Report | None) -> Document | None:
    """Return what a server told of itself (5cd7b614-F6, F9)."""
    if report is None:
        return None
    return {
        "version": report.version,
        "active_count": report.active_count,
        "waiting_count": report.waiting_count,
        "is_loading": report.is_loading,
        "gpu_capability_score": report.capability_score,
        "devices": [attrs.asdict(device) for device in report.devices],
    }


def model_documents(models: Iterable[ServedModel], listed_at: datetime | None) -> list[Document]:
    """Return what is shown of the models of one server."""
    last_checked = moment(listed_at)
    return [
        {
            "model_id": model.id,
            "capabilities": [each.value for each in model.capabilities],
            "capabilities_from": model.source,
            "supported_apis": None if model.apis is None else list(model.apis),
            "context_tokens": model.context_tokens,
            "owned_by": model.owned_by,
            "size_bytes": model.size_bytes,
            "is_ready": model.is_ready,
            "last_checked": last_checked,
        }
        for model in models
    ]


def check_document(check: HealthCheck, number: int) -> Document:
    """Return one look at a server."""
    return {
        "id": number,
        "checked_at": moment(check.checked_at),
        "success": check.success,
        "latency_ms": check.latency_ms,
        "error_message": check.error,
        "status_before": check.status_before.value,
        "status_after": check.status_after.value,
    }


def tested_document(endpoint: RegisteredEndpoint, check: HealthCheck) -> Document:
    """Return what a connection test of a registered server found (66555000-F7)."""
    if not check.success:
        return {"success": False, "latency_ms": None, "error": check.error, "status": check.status_after.value}
    version = endpoint.report.version if endpoint.report is not None else None
    info = {"version": version, "kind": endpoint.kind, "model_count": len(endpoint.served)}
    return {"success": True, "latency_ms": check.latency_ms, "endpoint_info": info, "status": check.status_after.value}


def trial_document(trial: Trial) -> Document:
    """Return what a connection test of a server found that is not registered."""
    if trial.error is not None:
        error = {"error": trial.error.message, "code": trial.error.code, "kind": trial.kind}
        return {"success": False, "latency_ms": None, **error}
    report = None if trial.look is None else trial.look.report
    found = trial.listing.found.models if trial.listing is not None else ()
    return {
        "success": True,
        "latency_ms": None if trial.look is None else trial.look.latency_ms,
        "endpoint_info": {
            "version": None if report is None else report.version,
            "kind": trial.kind,
            "model_count": len(found),
            "models": [model.id for model in found[:MOST_SHOWN]],
            "supports_responses_api": None if trial.listing is None else trial.listing.supports_responses,
        },
    }


def sync_document(synced: Synced, listed_at: datetime | None) -> Document:
    """Return what a sync changed."""
    return {
        "synced_models": model_documents(synced.models, listed_at),
        "added": len(synced.added),
        "removed": len(synced.removed),
        "updated": len(synced.updated),
        "refused": [{"name": each.name, "reason": each.reason} for each in synced.refused],
        "refused_count": synced.refused_count,
    }


def moment(value: datetime | None) -> str | None:
    """Return a time as JSON has it; None stays None."""
    return None if value is None else value.isoformat()
