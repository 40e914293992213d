"""Who asks, and in which language: cookies that no script can read, set with the page itself.

Each browser gets a random secret of its own when it first opens a page. Whoever opens a page once
with the host's key (`?host=KEY`) gets the host's, and is led to the same address without the key.
Whoever opens one with a language (`?lang=de`) keeps it. The websocket, over which Streamlit talks
to the page, carries them all (`st.context.cookies`).
"""

import secrets
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.base.language import NAMES, said_in
from explorer.people import host
from explorer.runtime import logs
from widgets.language import CHOICES, LANGUAGE, first_of
from widgets.server import BROWSER, HOST

KEPT_SECONDS = 400 * 24 * 3600
"""As long as browsers keep a cookie at most."""
NOT_KEPT = {"Cache-Control": "no-store"}


class Visitors:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, base_path: str = "") -> None:
        """Set cookies for what lies below `base_path`, as `server.baseUrlPath` gives it."""
        self.app = app
        self.path = f"/{base_path.strip('/')}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer who comes with the key; let all others through, with a cookie if they have none.

        Only pages are looked at, not what they consist of.
        """
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if host.is_key(request.query_params.get("host", "")):
            logs.log.info("the host has come")
            rest = [pair for pair in request.query_params.multi_items() if pair[0] != "host"]
            answer = RedirectResponse(_same_page(request, rest), 303, NOT_KEPT)
            self._keep(answer, request, HOST, host.token())
            await answer(scope, receive, send)
            return
        kept: Response = Response()
        if "text/html" in request.headers.get("Accept", ""):
            here = _in_their_language(request)
            if here != request.query_params.multi_items():
                kept = RedirectResponse(_same_page(request, here), 303, NOT_KEPT)
            if BROWSER not in request.cookies:
                self._keep(kept, request, BROWSER, secrets.token_urlsafe(24))
            if (asked := request.query_params.get(LANGUAGE)) in NAMES:
                self._keep(kept, request, LANGUAGE, asked)
        if isinstance(kept, RedirectResponse):
            await kept(scope, receive, send)
            return
        cookies = kept.headers.getlist("Set-Cookie")

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start" and cookies:
                headers = MutableHeaders(scope=message)
                for cookie in cookies:
                    headers.append("Set-Cookie", cookie)
                headers["Cache-Control"] = "no-store"  # no proxy gives it to others
            await send(message)

        await self.app(scope, receive, with_cookies)

    def _keep(self, answer: Response, request: Request, name: str, value: str) -> None:
        scheme = request.headers.get("X-Forwarded-Proto", request.url.scheme)
        answer.set_cookie(
            name,
            value,
            max_age=KEPT_SECONDS,
            path=self.path,
            secure=scheme == "https",
            httponly=True,
            samesite="lax",
        )


def _same_page(request: Request, query: list[tuple[str, str]]) -> str:
    """Return the same page with another query, relative: a proxy may have shortened its path."""
    last = quote(request.url.path.rpartition("/")[2])
    return f"./{last}{'?' + urlencode(query) if query else ''}"


def _in_their_language(request: Request) -> list[tuple[str, str]]:
    """Return the query; its choices are called what they are called on the visitor's pages.

    Streamlit keeps in a link what a choice is called, and whoever made the link may have read the
    page in another language.
    """
    query = request.query_params
    browsers = request.headers.get("Accept-Language", "")[:2]
    code = first_of(query.get(LANGUAGE), request.cookies.get(LANGUAGE), browsers)
    return [(k, said_in(code, v) if k in CHOICES else v) for k, v in query.multi_items()]
