"""Pictures behind URLs: signed, expiring, bounded."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest
from llmlb_dialect_openai.pictures.address import base_url, check, sign, signing_key
from llmlb_dialect_openai.pictures.gallery import Gallery
from llmlb_dialect_openai.pictures.lifespan import keep_clean
from llmlb_dialect_openai.pictures.store import PictureStore
from llmlb_dialect_openai.settings import OpenAISettings

from llmlb_core import Head

KEY = b"k" * 32


def filled(directory: Path, settings: OpenAISettings, *pictures: bytes) -> tuple[PictureStore, list[str]]:
    """Return a store into which *pictures* were put, all written, and their ids."""
    store = PictureStore(directory, settings)
    ids = [store.put(picture)[0] for picture in pictures]
    store.close()
    return store, ids


def test_a_picture_is_there_at_once_and_on_disk_soon(tmp_path: Path):
    """Answers do not wait for the disk; nobody else on the machine reads the folder."""
    store = PictureStore(tmp_path / "pictures", OpenAISettings())

    picture_id, expires_at = store.put(b"png")

    assert b"png" == store.read(picture_id)
    store.close()
    assert b"png" == store.read(picture_id)
    assert abs(time.time() + 3600 - expires_at) < 5
    if os.name == "posix":
        path = tmp_path / "pictures" / f"{picture_id}.png"
        assert (0o700, 0o600) == (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode))


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path):
    """By count, and by bytes."""
    by_count, ids = filled(tmp_path / "a", OpenAISettings(picture_max_count=2), b"1", b"2", b"3")
    mebibyte = bytes(1024 * 1024)
    by_bytes, more = filled(tmp_path / "b", OpenAISettings(picture_max_bytes=2 * len(mebibyte)), mebibyte, mebibyte, b"3")

    assert [None, b"2", b"3"] == [by_count.read(each) for each in ids]
    assert [None, mebibyte, b"3"] == [by_bytes.read(each) for each in more]
    assert 2 == len(list((tmp_path / "a").glob("*.png")))


def test_a_store_that_is_opened_again_goes_on(tmp_path: Path):
    """What is good is kept, what expired meanwhile is deleted, and other files are left alone."""
    _, (old, new) = filled(tmp_path, OpenAISettings(), b"old", b"new")
    long_ago = time.time() - 3700
    os.utime(tmp_path / f"{old}.png", (long_ago, long_ago))
    (tmp_path / "notes.txt").write_text("mine")

    store = PictureStore(tmp_path, OpenAISettings())
    store.open()

    assert [None, b"new"] == [store.read(old), store.read(new)]
    assert {f"{new}.png", "notes.txt"} == {path.name for path in tmp_path.iterdir()}


def test_a_disk_that_is_gone_fails_no_answer(tmp_path: Path):
    """The picture cannot be fetched later; that is logged."""
    (tmp_path / "file").write_text("in the way")
    store, (picture_id,) = filled(tmp_path / "file" / "pictures", OpenAISettings(), b"png")
    store.open()

    assert store.read(picture_id) is None


def test_a_signature_is_good_for_one_picture_until_its_time():
    """Changing either is forgery, whatever is written there."""
    soon = int(time.time()) + 60
    signature = sign(KEY, "a", soon)

    assert "good" == check(KEY, "a", str(soon), signature)
    assert "expired" == check(KEY, "a", "1000", sign(KEY, "a", 1000))
    forged = [("b", str(soon), signature), ("a", str(soon + 1), signature), ("a", str(soon), signature[:-1]), ("a", "", "")]
    forged += [("a", "-1", "x"), ("a", "9" * 40, "x"), ("a", "٣", "x"), ("a", str(soon), "ü\ud800")]
    assert {"forged"} == {check(KEY, *parts) for parts in forged}
    assert "forged" == check(b"o" * 32, "a", str(soon), signature)


def test_the_key_is_made_once_and_kept_private(tmp_path: Path):
    """URLs outlive a restart."""
    path = tmp_path / "pictures" / "signing.key"

    first, again = signing_key(path), signing_key(path)

    assert first == again
    assert 32 == len(first)
    assert os.name != "posix" or 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert first != signing_key(tmp_path / "another" / "signing.key")


@pytest.mark.parametrize(
    ("public_url", "headers", "expected"),
    [
        ("https://ai.example.org/", {"host": "10.0.0.1:32768"}, "https://ai.example.org"),
        ("", {"host": "localhost:32768"}, "http://localhost:32768"),
        ("", {"host": "[::1]:32768"}, "http://[::1]:32768"),
        ("", {"host": "ai.example.org", "x-forwarded-proto": "https, http"}, "https://ai.example.org"),
        ("", {"host": 'evil"><script>'}, ""),
        ("", {}, ""),
    ],
)
def test_urls_begin_where_the_client_found_the_server(public_url: str, headers: dict[str, str], expected: str):
    """Or as settings say; what is no host is not repeated."""
    assert expected == base_url(public_url, Head("POST", "/", "", headers, "", 0.0))


async def test_a_gallery_is_ready_and_closed_with_its_server(tmp_path: Path):
    """At the end everything is on disk."""
    gallery = Gallery(tmp_path)
    head = Head("POST", "/", "", {"host": "h"}, "", 0.0)

    async with keep_clean(gallery):
        url = gallery.publish(b"png", head)
        await asyncio.sleep(0)

    assert [b"png"] == [path.read_bytes() for path in (tmp_path / "pictures").glob("*.png")]
    assert url.startswith("http://h/v1/images/files/")
