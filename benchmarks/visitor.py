"""Somebody at a page without a browser: its protocol and its event stream, and nothing is drawn."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX as INTERNAL
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PATIENCE = 120.0
"""Seconds after which an answer counts as having taken that long."""
RESULTS_SECONDS = 3.0
"""How often new results of a job make the page run again at most, as in `widgets/live.js`."""
LINKED = re.compile(rb'(?:src|href)="\./(static/[^"]+)"')
DONE = (
    ForwardMsg.FINISHED_SUCCESSFULLY,
    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
)

Message = dict[str, Any]


class Visitor:
    """One browser tab.

    Attributes:
        query: what stands after `?` in its address.
        elements: ids of what the page shows, by key.
        followed: what is done with every message about the job that the page shows.
        linked_bytes: of the scripts and styles that the page names, as they were sent.
    """

    def __init__(
        self,
        port: int,
        base: str = "",
        followed: Callable[[Message], object] = id,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            port: where the server listens.
            base: path below which it serves, as `/explorer`.
            followed: called with every message of the event stream.
            headers: sent when it asks for a file.
        """
        self._headers = {"Accept-Encoding": "gzip", "Connection": "close"} | dict(headers or {})
        self.linked_bytes = 0
        self._port, self._base, self.followed = port, base, followed
        self.query = ""
        self.elements: dict[str, str] = {}
        self._fragments: dict[str, str] = {}
        self._states: dict[str, WidgetState] = {}
        self._page: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._finished = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    @property
    def job(self) -> str:
        """The job that its address names; empty: none."""
        return parse_qs(self.query).get("job", [""])[0]

    async def open(self, query: str = "") -> float:
        """Open an address; return the seconds until all of the page is there."""
        began, self.query = time.perf_counter(), query
        index = await self.get("")
        linked = [await self.get(name.decode()) for name in LINKED.findall(index)]
        self.linked_bytes = sum(map(len, linked))
        self._page = await connect(
            f"ws://127.0.0.1:{self._port}{self._base}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            open_timeout=PATIENCE,
        )
        self._states.clear()
        self._tasks = [asyncio.create_task(self._read(self._page))]
        await self._run()
        return time.perf_counter() - began

    async def close(self) -> None:
        """Close the tab."""
        for task in self._tasks:
            task.cancel()
        if self._page is not None:
            await self._page.close()
        self._page = None

    def id(self, key: str) -> str:
        """Return the id of the element with a key; one that ends with a dash is a beginning.

        Raises:
            LookupError: if the page shows none.
        """
        found = [
            i
            for k, i in self.elements.items()
            if k == key or (key[-1:] == "-" and k.startswith(key))
        ]
        if not found:
            raise LookupError(f"The page shows nothing with the key {key}: {[*self.elements]}.")
        return found[0]

    async def enter(self, key: str, value: str | int | list[str] | None) -> float:
        """Give a widget a value, or press a button (None); return the seconds of the answer.

        Options are named as the page shows them.
        """
        state = WidgetState(id=self.id(key))
        if value is None:
            state.trigger_value = True
        elif isinstance(value, str):
            state.string_value = value
        elif isinstance(value, int):
            state.int_value = value
        else:
            state.string_array_value.data.extend(value)
        began = time.perf_counter()
        await self._run(state)
        return time.perf_counter() - began

    async def _run(self, *changed: WidgetState, fragment: str = "") -> None:
        """Let the script run, and wait for its end."""
        assert self._page is not None
        async with self._one_at_a_time:
            asked = BackMsg()
            lasting = [s for s in changed if not (s.trigger_value or s.json_trigger_value)]
            self._states |= {state.id: state for state in lasting}
            sent = self._states | {state.id: state for state in changed}
            asked.rerun_script.query_string = self.query
            asked.rerun_script.fragment_id = fragment
            asked.rerun_script.widget_states.widgets.extend(sent.values())
            self._finished.clear()
            with suppress(TimeoutError, ConnectionClosed):
                await self._page.send(asked.SerializeToString())
                finished = asyncio.create_task(self._finished.wait())
                both = [finished, self._tasks[0]]
                async with asyncio.timeout(PATIENCE):
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if self._tasks[0].done():  # what went wrong is raised
                    await self._tasks[0]
            if not self.elements:
                raise LookupError(f"The page shows nothing after {[s.id for s in changed]}.")

    async def _read(self, page: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in page:
                assert isinstance(message, bytes)
                self._take(ForwardMsg.FromString(message))

    def _take(self, said: ForwardMsg) -> None:
        kind = said.WhichOneof("type")
        if kind == "new_session" and not said.metadata.run.fragment_ids:
            self.elements.clear()
        elif kind == "page_info_changed":
            self.query = said.page_info_changed.query_string
        elif kind == "script_finished" and said.script_finished in DONE:
            self._finished.set()
        elif kind == "delta" and said.delta.WhichOneof("type") == "new_element":
            element = said.delta.new_element
            if element.HasField("exception"):
                raise LookupError(element.exception.message)
            found = getattr(element, str(element.WhichOneof("type")))
            if (name := getattr(found, "id", "")).startswith("$$ID-"):
                _, _, key = name.removeprefix("$$ID-").partition("-")
                self.elements[key], self._fragments[key] = name, said.delta.fragment_id

    def follow(self) -> "asyncio.Task[None]":
        """Follow the job that the page shows, in the background, as the page's script does."""
        task: asyncio.Task[None] = asyncio.create_task(self._follow(self.job))
        self._tasks.append(task)
        return task

    async def _follow(self, job: str) -> None:
        """Hear of the job until it is over, and let the page run when it has something to show."""
        mounted, ran, after = "", time.monotonic(), ""
        while True:
            query = urlencode({"job": job} | ({"after": after} if after else {"new": job}))
            with suppress(OSError, asyncio.IncompleteReadError):
                async for event in self._events(f"live/events?{query}"):
                    after = event.get("id", after)
                    if not event["data"].startswith("{"):
                        continue
                    message = json.loads(event["data"])
                    self.followed(message)
                    status = message.get("status") or {}
                    stamp = status.get("stamp", mounted)
                    mounted = mounted or stamp
                    urgent = stamp.split(".")[:2] != mounted.split(".")[:2]
                    if stamp != mounted and (urgent or time.monotonic() - ran > RESULTS_SECONDS):
                        mounted, ran = stamp, time.monotonic()
                        await self._news(f"live-{job}", stamp)
                    if status.get("over"):
                        return
            await asyncio.sleep(1)  # as the stream itself says

    async def _news(self, key: str, stamp: str) -> None:
        if key in self.elements:
            told = [{"event": "news", "value": stamp}]
            state = WidgetState(id=f"{INTERNAL}_{self.elements[key]}__events")
            state.json_trigger_value = json.dumps(told)
            await self._run(state, fragment=self._fragments[key])

    async def _events(self, path: str) -> AsyncIterator[dict[str, str]]:
        async with self._asked(path) as answer:
            rest = b""
            async for piece in _pieces(answer):
                *whole, rest = (rest + piece).split(b"\n\n")
                for lines in whole:
                    fields = [line.partition(": ") for line in lines.decode().splitlines()]
                    yield {"data": ""} | {name: value for name, _, value in fields}

    async def get(self, path: str) -> bytes:
        """Return what the server has at a path."""
        async with self._asked(path) as answer:
            return b"".join([piece async for piece in _pieces(answer)])

    @asynccontextmanager
    async def _asked(self, path: str) -> AsyncIterator[asyncio.StreamReader]:
        answer, asking = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        try:
            lines = [f"GET {self._base}/{path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
            lines += [f"{name}: {value}" for name, value in self._headers.items()]
            asking.write("\r\n".join([*lines, "", ""]).encode())
            yield answer
        finally:
            asking.close()


async def _pieces(answer: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Give the body of an answer as it comes."""
    head = (await answer.readuntil(b"\r\n\r\n")).lower()
    if not head.split(b" ", 2)[1:2] == [b"200"]:
        raise OSError(head.splitlines()[0].decode())
    if b"transfer-encoding: chunked" not in head:
        while piece := await answer.read(2**16):
            yield piece
        return
    while size := int((await answer.readline()).split(b";")[0] or b"0", 16):
        yield (await answer.readexactly(size + 2))[:-2]
