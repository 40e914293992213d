"""The server's own routes, asked over a socket as a browser does."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette

from tests.explorer.jobs.frames import HEADER, Viewer, begin, change, frame, log_of
from widgets.push import Push, event_of, sayer


@contextmanager
def served(app: Starlette) -> Iterator[int]:
    """Serve routes, without Streamlit around them; give the port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose lifespan leaves the signals of this process alone."""
    monkeypatch.setattr("widgets.push.signal.signal", lambda *_: None)
    push = Push()
    with served(Starlette(routes=push.routes, lifespan=push.lifespan)) as number:
        yield number


def ask(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return connection.getresponse()


def events(answer: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    """Read events as the standard says; those without data are none."""
    fields: dict[str, str] = {}
    while line := answer.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


def test_a_stream_says_hello_at_once_and_then_what_happens(port: int) -> None:
    job = begin()
    log_of(job).publish(frame(1, [[5, 6, 1], [1, 1, 1]]))
    answer = ask(port, f"/live/events?job={job}")
    assert answer.status == 200
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    assert answer.getheader("X-Accel-Buffering") == "no"
    told, viewer = events(answer), Viewer()
    assert next(told)["event"] == "hello"
    while viewer.steps != [1]:
        viewer.hear(next(told)["data"])
    log_of(job).publish(frame(2, [[5, 6, 7], [1, 1, 1]]))
    while viewer.steps != [1, 2]:
        viewer.hear(next(told)["data"])
    change(job, state="done")
    for event in told:  # it ends by itself
        viewer.hear(event["data"])
    assert viewer.status["over"] and viewer.resets == 1


def test_who_comes_again_with_the_last_id_is_not_told_twice(port: int) -> None:
    job, viewer = begin(), Viewer()
    log = log_of(job)
    log.publish(frame(1, [[5, 6, 1], [1, 1, 1]]))
    answer, last = ask(port, f"/live/events?job={job}&new={job}"), ""
    for event in events(answer):
        last = event.get("id", last)
        if "event" not in event:
            viewer.hear(event["data"])
        if viewer.steps == [1]:
            break
    answer.close()
    log.publish(frame(2, [[5, 6, 7], [1, 1, 1]]))
    again = ask(port, f"/live/events?job={job}&new={job}", Last_Event_ID=last)  # the same address
    told = events(again)
    assert next(told)["event"] == "hello"
    while viewer.steps != [1, 2]:
        viewer.hear(next(told)["data"])
    assert viewer.resets == 1
    again.close()


def test_the_same_as_plain_json(port: int) -> None:
    job, viewer = begin(), Viewer()
    log_of(job).publish(frame(4, [[5, 6, 1], [1, 1, 1]]))
    answer = ask(port, f"/live/news?job={job}")
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("Cache-Control") == "no-store"
    found = json.loads(answer.read())
    for message in found["messages"]:
        viewer.hear(json.dumps(message))
    assert viewer.steps == [4]
    again = json.loads(ask(port, f"/live/news?job={job}&after={found['id']}").read())
    assert again["messages"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("name", ["events", "news"])
def test_pages_of_other_origins_hear_nothing(port: int, name: str, headers: dict[str, str]) -> None:
    answer = ask(port, f"/live/{name}?job={begin()}", **headers)
    assert answer.status == 403
    assert "job" not in answer.read().decode().replace("jobs", "")


def test_no_header_lets_other_origins_read(port: int) -> None:
    job = begin()
    host = f"127.0.0.1:{port}"
    answer = ask(
        port, f"/live/news?job={job}", Origin=f"http://{host}", Sec_Fetch_Site="same-origin"
    )
    assert answer.status == 200
    names = {name.lower() for name, _ in answer.getheaders()}
    assert not any(name.startswith("access-control") for name in names)
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize(
    "query", ["", "job=", "job=../../etc", "job=a%00b", "job=" + "a" * 65, "&".join(["job=a"] * 65)]
)
def test_what_is_no_job_is_refused(port: int, query: str) -> None:
    answer = ask(port, f"/live/events?{query}")
    assert answer.status == 400 and b"?job=" in answer.read()


def test_a_job_that_is_not_there_is_over_at_once(port: int) -> None:
    answer = ask(port, "/live/events?job=nothere")
    (_, message) = list(events(answer))
    assert json.loads(message["data"])["status"]["over"]


def test_others_than_get_are_refused(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/live/events?job=a")
    assert connection.getresponse().status == 405


def test_routes_lie_below_the_base_path() -> None:
    for given, at in (("", "/live"), ("class", "/class/live"), ("/a/b/", "/a/b/live")):
        assert [route.path for route in Push(given).routes] == [f"{at}/events", f"{at}/news"]  # type: ignore[attr-defined]


def test_only_the_last_of_a_batch_has_an_id() -> None:
    """With an id goes the promise that everything up to it has been heard."""
    text = event_of(("x.9", ['{"a":1}', '{"b":2}']))
    assert text == 'data: {"a":1}\n\nid: x.9\ndata: {"b":2}\n\n'
    assert "event: beat" in event_of(("x.9", []))


def test_a_model_that_is_not_here_says_blanks() -> None:
    assert sayer("no/such-model")([1, 2]) == ["", ""]
    assert sayer(HEADER.model)([1]) == [""]
