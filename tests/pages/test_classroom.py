"""The class page: what its component is given, and what the host can set and clear up."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.jobs import client
from explorer.people import limits, wall
from explorer.people.person import recognised
from tests.explorer.jobs.frames import begin
from tests.pages.driving import open_page, texts_of
from tests.pages.test_server import Visit, visit
from tests.pages.test_visitors import come

__all__ = ["visit"]


def given(app: AppTest) -> dict[str, Any]:
    """Return what the page gives to the wall's component."""
    shown = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.json]
    return next(data for data in shown if "drawing" in data)


def test_everybody_sees_the_wall_and_the_host_alone_the_controls(visit: Visit) -> None:
    come(visit, "ada")
    app = open_page("classroom")
    assert not app.exception and "limit-jobs" not in [n.key for n in app.number_input]
    assert given(app)["me"] == recognised("ada").id and given(app)["host"] is False
    come(visit, "ada", is_host=True)
    app = open_page("classroom")
    assert not app.exception and given(app)["host"] is True
    visit()
    assert given(open_page("classroom"))["host"] is True, "who is alone is the host"


def test_the_host_sets_limits_and_hears_what_is_impossible(visit: Visit) -> None:
    come(visit, "ada", is_host=True)
    app = open_page("classroom")
    app.number_input(key="limit-jobs").set_value(2)
    app.toggle(key="limit-downloads").set_value(True)
    save = next(button for button in app.button if button.label == "Set limits")
    save.click().run()
    assert not app.exception
    assert (limits.load().jobs, limits.load().downloads) == (2, "everyone")
    app.number_input(key="limit-jobs").set_value(0)
    save = next(button for button in app.button if button.label == "Set limits")
    save.click().run()
    assert not app.exception and "“jobs” must be at least 1" in texts_of(app)
    assert limits.load().jobs == 2


def test_the_host_clears_the_wall_and_stops_everything(visit: Visit) -> None:
    job, other = begin(), begin()
    come(visit, "ada", is_host=True)
    app = open_page("classroom")
    app.button(key="clear-wall").click().run()
    assert set(wall.hidden()) == {job, other}
    app.button(key=f"put-back-{job}").click().run()
    assert set(wall.hidden()) == {other}
    app.button(key="stop-everything").click().run()
    assert not app.exception and all(each.over for each in client.jobs())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://192.168.1.5:8501/classroom", "http://192.168.1.5:8501/"),
        ("https://school.example/lab/classroom", "https://school.example/lab/"),
        ("https://school.example/lab/", "https://school.example/lab/"),
        ("http://127.0.0.1:8501/classroom", None),
        ("http://localhost:8501/", None),
        (None, None),
    ],
)
def test_a_class_is_invited_where_it_can_come(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, url: str | None, address: str | None
) -> None:
    import streamlit as st

    from widgets import server

    come(visit, "ada")
    monkeypatch.setattr(st.context, "url", url, raising=False)
    assert server.reachable("classroom") == address
    join = given(open_page("classroom"))["join"]
    assert (join and join["address"]) == address
    assert join is None or join["qr"].startswith("data:image/svg+xml,%3Csvg")
