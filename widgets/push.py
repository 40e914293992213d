"""The server's own routes: what happens to jobs, pushed to the pages that show them.

`live/events?job=…` is a stream of server-sent events, `live/news?job=…&after=…` the same as plain
JSON for those behind a proxy that holds a stream back. The job `wall` is the class page: what all
people train (`explorer.people.wall`). Neither carries a header that would let
pages of other origins read it, and a browser that says it asks for such a page is refused; a job's
id is as hard to guess here as in a link to it, and shows what that link shows.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from explorer.base.errors import ExplorerError
from explorer.jobs.feed import Say
from explorer.jobs.streams import MOST_JOBS, Hub, Told
from explorer.people.wall import Wall
from widgets import cached

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold the stream back
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HELLO = "retry: 1000\nevent: hello\ndata: hello\n\n"
"""Said at once: a page that does not hear it knows that something holds the stream back."""
LONGEST_NAME = 64


class Push:
    """Routes that tell what happens to jobs, and the hub behind them."""

    def __init__(self, base_path: str = "") -> None:
        """Watch nothing yet; serve below `base_path`, as `server.baseUrlPath` gives it."""
        base = base_path.strip("/")
        self.at = f"/{base}/live" if base else "/live"
        self.hub = Hub(sayer, boards={"wall": Wall(sayer)})

    @property
    def routes(self) -> list[BaseRoute]:
        """The two routes."""
        return [Route(f"{self.at}/events", self._events), Route(f"{self.at}/news", self._news)]

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Let viewers go when the server is asked to end: it waits for them."""
        loop = asyncio.get_running_loop()

        def first(then: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
            def end(number: int, frame: Any) -> None:
                loop.call_soon_threadsafe(self.hub.close)
                then(number, frame)

            return end

        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(then := signal.getsignal(number)):
                signal.signal(number, first(then))
        try:
            yield
        finally:
            self.hub.close()

    async def _events(self, request: Request) -> Response:
        jobs, after, fresh = _asked(request)
        if heard := request.headers.get("Last-Event-ID"):
            after, fresh = heard, []

        async def stream() -> AsyncIterator[str]:
            yield HELLO
            async for told in self.hub.follow(jobs, after, fresh):
                yield event_of(told)

        return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)

    async def _news(self, request: Request) -> Response:
        jobs, after, fresh = _asked(request)
        until, messages = await self.hub.news(jobs, after, fresh)
        body = f'{{"id":"{until}","messages":[{",".join(messages)}]}}'
        return Response(body, media_type="application/json", headers=HEADERS)


def event_of(told: Told) -> str:
    """Write messages as events; only the last has an id: with it, all have been heard."""
    until, messages = told
    if not messages:
        return f"event: beat\nid: {until}\ndata: beat\n\n"
    *some, last = messages
    return "".join(f"data: {text}\n\n" for text in some) + f"id: {until}\ndata: {last}\n\n"


def _asked(request: Request) -> tuple[list[str], str, list[str]]:
    """Return the jobs, up to where the viewer has been told, and the jobs new to them.

    Raises:
        HTTPException: if a page of another origin asks, or nothing that could be a job is named.
    """
    _require_own_page(request)
    jobs, fresh = request.query_params.getlist("job"), request.query_params.getlist("new")
    if not 0 < len(jobs) <= MOST_JOBS or not all(_may_be_a_job(job) for job in jobs):
        raise HTTPException(400, f"Name 1 to {MOST_JOBS} jobs by their ids: ?job=…")
    return jobs, request.query_params.get("after", ""), fresh


def _may_be_a_job(name: str) -> bool:
    return name.isascii() and name.isalnum() and len(name) <= LONGEST_NAME


def _require_own_page(request: Request) -> None:
    origin = request.headers.get("Origin")
    others = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if others or (origin and urlsplit(origin).netloc != request.headers.get("Host")):
        raise HTTPException(403, "Only the explorer's own pages can watch its jobs.")


def sayer(model: str) -> Say:
    """Return what turns a model's token ids into texts; blanks while its tokenizer is not here."""
    try:
        found = cached.tokenizer_of(model)
    except (ExplorerError, OSError):
        found = None
    return found.pieces if found is not None else lambda ids: ["" for _ in ids]
