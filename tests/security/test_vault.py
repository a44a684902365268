"""Secrets in the database: sealed for one purpose, under a file that only this user can read (66555000-F10)."""

from __future__ import annotations

import stat

import pytest

from llmlb_core.errors import DataDirUnusable
from llmlb_core.security.vault import SecretUnreadable, Vault


def test_what_was_sealed_is_opened_with_the_same_file(tmp_path):
    """Mode 600, made once; another process with the same file opens it, and two seals of one text differ."""
    vault = Vault.open(tmp_path)

    sealed = [vault.seal("sk-hush", "endpoint-1") for _ in range(2)]

    assert ["sk-hush"] * 2 == [Vault.open(tmp_path).open_sealed(each, "endpoint-1") for each in sealed]
    assert 0o600 == stat.S_IMODE((tmp_path / "secret").stat().st_mode)
    assert sealed[0] != sealed[1]
    assert "hush" not in "".join(sealed) + repr(vault)


@pytest.mark.parametrize("how", ["another purpose", "a flipped bit", "cut", "nonsense", "another file"])
def test_what_cannot_be_opened_is_said_without_a_secret(tmp_path, how):
    """Neither moved to another row, nor changed, nor read with another file."""
    vault = Vault.open(tmp_path)
    sealed = vault.seal("sk-hush", "endpoint-1")
    other = tmp_path / "other"
    other.mkdir()
    tries = {
        "another purpose": (vault, sealed, "endpoint-2"),
        "a flipped bit": (vault, sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:], "endpoint-1"),
        "cut": (vault, sealed[:12], "endpoint-1"),
        "nonsense": (vault, "v1:%%%", "endpoint-1"),
        "another file": (Vault.open(other), sealed, "endpoint-1"),
    }
    opener, text, context = tries[how]

    with pytest.raises(SecretUnreadable) as caught:
        opener.open_sealed(text, context)

    assert "hush" not in str(caught.value)
    assert "give it again" in str(caught.value)


@pytest.mark.parametrize("content", [b"short", b"", b"\xff" * 64])
def test_a_secret_file_that_is_none_is_said(tmp_path, content):
    """Too short, empty or no text: the start says so instead of sealing with it."""
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(DataDirUnusable) as caught:
        Vault.open(tmp_path)

    assert str(tmp_path / "secret") in str(caught.value)
