"""HTTPS in front: the server's side of TLS. The side towards upstreams is ``llmlb_core.upstream.tls``."""

from __future__ import annotations

import ssl
from pathlib import Path

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.sections import Settings

ALPN = ("h2", "http/1.1")


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what the listener needs for HTTPS, TLS 1.2 or newer; None where ``[server.tls]`` is absent.

    Raises:
        SettingsInvalid: A file is not set, not there or not readable, is not PEM, has a passphrase, or the two do not match.
    """
    tls = settings.server.tls
    if tls is None:
        return None
    certificate = _file(settings, "certificate", tls.certificate)
    key = _file(settings, "key", tls.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(list(ALPN))

    def refuse() -> str:  # asked for a passphrase, OpenSSL would wait for somebody at a terminal
        raise SettingsInvalid(f"[server.tls] key {key} has a passphrase; remove it: openssl pkey -in {key.name} -out plain.key")

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsInvalid(
                f"[server.tls] key {key} is not the key of certificate {certificate}; name two that match"
            ) from error
        reason = (error.reason or "unknown format").lower().replace("_", " ")
        raise SettingsInvalid(f"[server.tls] {certificate} and {key} are no certificate and key in PEM ({reason})") from error
    return context


def _file(settings: Settings, name: str, path: Path | None) -> Path:
    """Return *path* from the settings file's folder on, after trying to read it."""
    if path is None:
        raise SettingsInvalid(f"[server.tls] {name} is not set; HTTPS needs certificate and key. Remove the table for HTTP")
    folder = settings.file.parent if settings.file else Path()
    found = folder / path.expanduser()
    try:
        with found.open("rb"):
            return found
    except OSError as error:
        raise SettingsInvalid(f"[server.tls] {name} {found} cannot be read: {error.strerror}") from error
