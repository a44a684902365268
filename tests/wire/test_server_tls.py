"""``[server.tls]``."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from llmlb_core.errors import SettingsInvalid
from llmlb_core.settings.load import load_settings
from llmlb_core.wire.tls import server_context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Signs certificates."""
    return trustme.CA()


@pytest.fixture
def folder(tmp_path, authority) -> Path:
    """A data directory with two pairs of files, and some that are neither."""
    for name in ("one", "two"):
        certificate = authority.issue_cert(f"{name}.example")
        certificate.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        certificate.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
    (tmp_path / "no.pem").write_text("nothing")
    (tmp_path / "locked.key").write_text(LOCKED_KEY)
    return tmp_path


LOCKED_KEY = """-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,2E2B2B6D1B0C1A1F2E2B2B6D1B0C1A1F

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END EC PRIVATE KEY-----
"""


def context_of(folder: Path, certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """Load an ``llmlb.toml`` with these two files."""
    lines = [f'{name} = "{value}"' for name, value in (("certificate", certificate), ("key", key)) if value]
    (folder / "llmlb.toml").write_text("\n".join(["[server.tls]", *lines]))
    return server_context(load_settings(environ={}, data_dir=folder))


def test_there_is_no_tls_without_its_table(tmp_path):
    """The server speaks HTTP."""
    settings = load_settings(environ={}, data_dir=tmp_path)

    assert server_context(settings) is None


@pytest.mark.parametrize("is_absolute", [False, True])
def test_paths_start_at_the_folder_of_the_file(folder, is_absolute):
    """Or are absolute."""
    prefix = f"{folder}/" if is_absolute else ""

    context = context_of(folder, f"{prefix}one.pem", f"{prefix}one.key")

    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        (None, "one.key", "certificate is not set"),
        ("one.pem", None, "key is not set"),
        ("gone.pem", "one.key", "gone.pem cannot be read: No such file"),
        ("one.pem", "gone.key", "gone.key cannot be read: No such file"),
        ("one.pem", ".", "cannot be read: Is a directory"),
        ("one.pem", "two.key", "is not the key of certificate"),
        ("no.pem", "one.key", "are no certificate and key in PEM"),
        ("one.pem", "no.pem", "are no certificate and key in PEM"),
        ("one.pem", "locked.key", "has a passphrase"),
    ],
)
def test_unusable_files_stop_the_start_with_a_reason(folder, certificate, key, told):
    """The message names the setting, the file and what is wrong with it."""
    with pytest.raises(SettingsInvalid, match=r"\[server\.tls\]") as caught:
        context_of(folder, certificate, key)

    assert told in caught.value.message


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["other"], None)])
def test_http2_is_preferred_where_a_client_knows_it(folder, authority, offered, chosen):
    """By ALPN."""
    server = context_of(folder, "one.pem", "one.key")
    client = ssl.create_default_context()
    authority.configure_trust(client)
    client.set_alpn_protocols(offered)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname="one.example"), server.wrap_bio(up, down, server_side=True)]

    for end in ends * 2:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue

    assert (chosen, chosen) == tuple(end.selected_alpn_protocol() for end in ends)
