"""What never changes is asked for once and sent packed; everything else is passed on as it was."""

import asyncio
import gzip
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from widgets import packed
from widgets.packed import Packed

Heard = TypeVar("Heard")
SCRIPT = b"const heron = 'waits';\n" * 4000
FOR_EVER = {
    "cache-control": "public, immutable, max-age=31536000",
    "content-type": "text/javascript",
}


def run(asked: Coroutine[Any, Any, Heard]) -> Heard:
    with ThreadPoolExecutor(1) as aside:  # in this thread a browser's loop may be running
        return aside.submit(asyncio.run, asked).result()


class Files:
    """An app that sends one file in pieces, and counts how often it is asked."""

    def __init__(self, status: int = 200, **headers: str) -> None:
        self.status, self.asked = status, 0
        self.headers = {k: v for k, v in (FOR_EVER | headers).items() if v}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        raw = [(k.encode(), v.encode()) for k, v in self.headers.items()]
        raw.append((b"content-length", str(len(SCRIPT)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        for at in range(0, len(SCRIPT), 1000):
            await asyncio.sleep(0)
            more = at + 1000 < len(SCRIPT)
            piece = SCRIPT[at : at + 1000]
            await send({"type": "http.response.body", "body": piece, "more_body": more})


async def get(
    app: Packed, path: str = "/static/js/index.js", *, method: str = "GET", **headers: str
) -> tuple[int, Mapping[str, str], bytes]:
    heard: list[Message] = []

    async def send(message: Message) -> None:
        heard.append(message)

    async def receive() -> Any:
        raise AssertionError

    raw = [(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    await app(scope, receive, send)
    return (
        heard[0]["status"],
        Headers(raw=heard[0]["headers"]),
        b"".join(message.get("body", b"") for message in heard[1:]),
    )


def test_thirty_who_come_at_once_get_what_was_packed_once() -> None:
    async def come() -> list[tuple[int, Mapping[str, str], bytes]]:
        return await asyncio.gather(*[get(app, Accept_Encoding="gzip, br") for _ in range(30)])

    files = Files()
    app = Packed(files)
    for status, headers, body in run(come()):
        assert (status, headers["content-encoding"], headers["vary"]) == (
            200,
            "gzip",
            "Accept-Encoding",
        )
        assert headers["cache-control"] == FOR_EVER["cache-control"]
        assert int(headers["content-length"]) == len(body) < len(SCRIPT) / 10
        assert gzip.decompress(body) == SCRIPT
    assert files.asked == 1
    status, headers, body = run(get(app))
    assert body == SCRIPT and "content-encoding" not in headers
    run(get(app))
    assert files.asked == 2  # once for those who cannot unpack


def test_a_font_is_kept_as_it_is() -> None:
    files = Files(**{"content-type": "font/woff2"})
    app = Packed(files)
    for _ in range(2):
        _, headers, body = run(get(app, Accept_Encoding="gzip"))
        assert body == SCRIPT and "content-encoding" not in headers
    assert files.asked == 1


@pytest.mark.parametrize(
    ("files", "asked"),
    [
        (Files(**{"cache-control": "no-cache"}), {}),
        (Files(**{"cache-control": ""}), {}),
        (Files(**{"set-cookie": "a=b"}), {}),
        (Files(404), {}),
        (Files(), {"path": "/live/events"}),
        (Files(), {"method": "HEAD"}),
        (Files(), {"Range": "bytes=0-3"}),
        (Files(), {"If_None_Match": '"a"'}),
        (Files(), {"If_Modified_Since": "Sun, 29 Nov 2026 00:00:00 GMT"}),
    ],
)
def test_all_else_is_passed_on_each_time(files: Files, asked: dict[str, str]) -> None:
    app = Packed(files)
    for _ in range(2):
        status, headers, body = run(get(app, Accept_Encoding="gzip", **asked))
        assert (status, body) == (files.status, SCRIPT) and "content-encoding" not in headers
    assert files.asked == 2


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 2 * len(SCRIPT) - 1)
    files = Files()
    app = Packed(files)
    for path in ("/static/a.js", "/static/b.js") * 2:
        assert run(get(app, path))[2] == SCRIPT
    assert files.asked == 3  # the second does not fit, and is read each time
