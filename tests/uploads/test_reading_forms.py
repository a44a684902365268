"""Forms, read while they arrive."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from llmlb_testing.forms import BOUNDARY, CONTENT_TYPE, form, part

from llmlb_core.errors import CallError

from .conftest import Pieces, cut

MIB = 1024 * 1024


async def read(uploads, body, size=65536, content_type=CONTENT_TYPE, max_bytes=64 * MIB):
    return await uploads.read(Pieces(cut(body, size)), "/v1/audio/transcriptions", content_type, max_bytes, 5)


@pytest.mark.parametrize("size", [1, 7, 65536])
async def test_fields_and_files_come_as_they_were_sent(uploads, size):
    """However the network cuts them; names may repeat."""
    sound = b"RIFF\r\n--b-1\r\n\x00\xff" * 50
    body = form(
        part("model", "whisper-1"), part("granularities[]", "word"), part("granularities[]", "segment"),
        part("file", sound, "Grüße.wav", "Content-Type: audio/wav"), part("prompt", "äöü\r\n"),
    )  # fmt: skip

    found = await read(uploads, body, size)

    expected = (("model", "whisper-1"), ("granularities[]", "word"), ("granularities[]", "segment"), ("prompt", "äöü\r\n"))
    assert expected == found.fields
    file = found.file("file")
    assert ("Grüße.wav", "audio/wav", sound) == (file.filename, file.content_type, file.blob.data)


async def test_a_large_file_lies_on_disk_for_nobody_else(uploads):
    """Above 1 MiB: mode 0600, and gone when the call is over."""
    sound = os.urandom(3 * MIB + 17)

    found = await read(uploads, form(part("model", "m"), part("file", sound, "a.wav")))

    blob = found.file("file").blob
    assert 0o600 == Path(blob.path).stat().st_mode & 0o777  # noqa: ASYNC240  # a test
    assert (sound, len(sound), b"") == (blob.read(), blob.size_bytes, blob.data)
    uploads.release(found)
    await uploads.close()
    assert [] == list(Path(blob.path).parent.iterdir())


async def test_of_many_files_one_mebibyte_stays_in_memory(uploads):
    """All files of a form share it."""
    files = [os.urandom(400 * 1024) for _ in range(4)]

    found = await read(uploads, form(*(part("image[]", data, f"{n}.png") for n, data in enumerate(files))))

    assert files == [file.blob.read() for file in found.files]
    assert [False, False, True, True] == [file.blob.path is not None for file in found.files]
    uploads.release(found)


async def test_memory_does_not_grow_with_the_file(uploads):
    """25 MB pass through 2 MiB at most."""
    block = os.urandom(65536)
    head, tail = part("file", b"", "a.wav").removesuffix(b"\r\n"), b"\r\n" + form()
    pieces = Pieces([part("model", "m"), head, *[block] * 400, tail])
    tracemalloc.start()

    found = await uploads.read(pieces, "/x", CONTENT_TYPE, 64 * MIB, 5)
    peak = tracemalloc.get_traced_memory()[1]

    tracemalloc.stop()
    assert 400 * 65536 == found.file("file").blob.size_bytes
    assert peak < 2 * MIB
    uploads.release(found)


WRONG = {
    "no content type": ("", form(), 415, "invalid_content_type"),
    "JSON": ("application/json", b"{}", 415, "invalid_content_type"),
    "another multipart": ("multipart/mixed; boundary=b-17", form(), 415, "invalid_content_type"),
    "no boundary": ("multipart/form-data", form(), 400, "invalid_multipart"),
    "an empty boundary": ('multipart/form-data; boundary=""', form(), 400, "invalid_multipart"),
    "a long boundary": ("multipart/form-data; boundary=" + "b" * 71, form(), 400, "invalid_multipart"),
    "another boundary": ("multipart/form-data; boundary=other", form(part("model", "m")), 400, "invalid_multipart"),
    "nothing": (CONTENT_TYPE, b"", 400, "invalid_multipart"),
    "text": (CONTENT_TYPE, b"model=m&file=x", 400, "invalid_multipart"),
    "cut in a file": (CONTENT_TYPE, part("model", "m") + part("file", b"x" * 5000, "a.wav")[:2000], 400, "invalid_multipart"),
    "no end": (CONTENT_TYPE, part("model", "m"), 400, "invalid_multipart"),
    "no name": (CONTENT_TYPE, form(part("", "m")), 400, "invalid_multipart"),
    "no disposition": (CONTENT_TYPE, f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n".encode() + form(), 400, "invalid_multipart"),
    "a bad header": (CONTENT_TYPE, f"--{BOUNDARY}\r\n: y\r\n\r\nz\r\n".encode() + form(), 400, "invalid_multipart"),
    "base64": (CONTENT_TYPE, form(part("file", "eA==", "a", "Content-Transfer-Encoding: base64")), 400, "invalid_multipart"),
    "a long header": (CONTENT_TYPE, form(part("model", "m", None, "X-A: " + "x" * 5000)), 400, "invalid_multipart"),
    "many headers": (CONTENT_TYPE, form(part("model", "m", None, *[f"X-{n}: y" for n in range(40)])), 400, "invalid_multipart"),
    "many parts": (CONTENT_TYPE, form(*[part("a", "b")] * 300), 400, "invalid_multipart"),
    "a long field": (CONTENT_TYPE, form(part("prompt", "x" * 300_000)), 413, "body_too_large"),
    "long fields": (CONTENT_TYPE, form(*[part("prompt", "x" * 200_000)] * 6), 413, "body_too_large"),
    "no UTF-8": (CONTENT_TYPE, form(part("model", b"\xff\xfe")), 400, "invalid_value"),
    "a large file": (CONTENT_TYPE, form(part("file", b"x" * 2_000_001, "a.wav")), 413, "file_too_large"),
    "two files": (CONTENT_TYPE, form(*[part("file", b"x" * 1_500_000, "a.wav")] * 2), 413, "file_too_large"),
    "a large body": (CONTENT_TYPE, b"x" * 9_000_000, 413, "file_too_large"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_form_is_refused(uploads, name):
    """With a code that says why, and nothing left on disk."""
    content_type, body, status, code = WRONG[name]
    size = len(body) or 1

    with pytest.raises(CallError) as refused:
        await read(uploads, body, size, content_type, max_bytes=2_000_000)

    assert (status, code) == (refused.value.status, refused.value.code), refused.value


async def test_a_file_name_is_no_path(uploads):
    """Only its last part is kept, without control characters."""
    body = form(part("file", b"x", r"..\..\etc/pass wd\x.wav"), part("file", b"x", "/etc/passwd"), part("file", b"", ""))

    found = await read(uploads, body)

    assert ["x.wav", "passwd", ""] == [file.filename for file in found.files]
