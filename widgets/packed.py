"""Files that never change, from memory: each is read and packed once, whoever asks for it.

A new browser asks for dozens. Streamlit reads every one anew in pieces, and sends it unpacked; for
a class of thirty that was half of what opening the page cost the server, and hundreds of megabytes
over one radio.
"""

import asyncio
import gzip

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 2**20
"""What is kept at most; the rest is answered as before."""
WORDS = ("text/", "application/javascript", "application/json", "image/svg")
"""How the types begin that packing makes smaller."""
WITH_TERMS = ("Range", "If-None-Match", "If-Modified-Since", "If-Range")
"""Headers of a request that may be answered with less than the whole file."""


class Packed:
    """ASGI middleware before whatever serves files and says which of them never change."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[str, bool], Response] = {}
        self._left = MOST_BYTES
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory where that can be; let all else through."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or "/static/" not in scope["path"]
            or any(name in headers for name in WITH_TERMS)
        ):
            await self.app(scope, receive, send)
            return
        key = scope["path"], "gzip" in headers.get("Accept-Encoding", "")
        if key not in self._kept:
            async with self._one_at_a_time:  # thirty who come at once wait for one that packs
                if key not in self._kept and not await self._keep(key, scope, receive, send):
                    return
        await self._kept[key](scope, receive, send)

    async def _keep(
        self, key: tuple[str, bool], scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Ask for a file and keep it; return False if it has been passed on instead."""
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        await self.app({**scope, "extensions": {}}, receive, hear)  # as bytes, not as a path
        headers = Headers(raw=heard[0].get("headers", []))
        body = b"".join(message.get("body", b"") for message in heard[1:])
        if (
            heard[0].get("status") != 200
            or "immutable" not in headers.get("Cache-Control", "")
            or "Set-Cookie" in headers
            or len(body) > self._left
        ):
            for message in heard:
                await send(message)
            return False
        own = {k: v for k, v in headers.items() if k != "content-length"} | {
            "vary": "Accept-Encoding"
        }
        if key[1] and headers.get("Content-Type", "").startswith(WORDS):
            own["content-encoding"] = "gzip"
            body = await run_in_threadpool(gzip.compress, body, 6, mtime=0)
        self._left -= len(body)
        self._kept[key] = Response(body, headers=own)
        return True
