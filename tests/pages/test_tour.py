"""The tour: every stop stands on a live page that has what it names, from recordings alone."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.jobs import client
from tests.pages.driving import open_page, texts_of
from widgets import projector, tour

STOPS = list(enumerate(tour.STOPS, 1))


def links(app: AppTest) -> list[str]:
    return [link.proto.query_string for link in app.get("page_link")]


def labels(app: AppTest) -> str:
    """All that can be read on a page: texts, and the labels of what can be pressed or filled in."""
    kinds = ("button", "text_area", "expander", "metric", "selectbox", "button_group")
    said = [str(getattr(e, "label", "")) for kind in kinds for e in app.get(kind)]
    options = [str(o) for group in app.button_group for o in group.options]
    return "\n".join([texts_of(app), *said, *options])


@pytest.mark.parametrize(("number", "stop"), STOPS, ids=lambda s: getattr(s, "page", ""))
def test_a_stop_stands_on_its_page_and_names_what_is_there(number: int, stop: tour.Stop) -> None:
    app = open_page(tour=str(number))  # from the first page on, wherever the stop is
    assert not app.exception
    assert f"**{number} of 5 · {stop.title}**" in texts_of(app)
    code = (folders.PROJECT / "pages" / f"{stop.page}.py").read_text()
    assert f'start.page(tr("{app.title[0].value}")' in code
    assert stop.see in texts_of(app)
    for key, option in stop.query.items():  # as the link of the stop before names it
        assert option in app.selectbox(key=key).options
    named = set(re.findall(r"\*([^*]+)\*", stop.do + stop.see + stop.notes))
    if stop.without_model:  # there is no model here
        assert stop.without_model in texts_of(app) and stop.do not in texts_of(app)
    else:
        assert {name for name in named if name not in labels(app)} == set()
    assert not client.jobs()


def test_the_form_of_the_second_stop_has_what_it_names(tiny_llama_folder: object) -> None:
    app = open_page(None, tiny_llama_folder, tour="2")  # type: ignore[arg-type]
    assert {"Your text", "Start"} <= set(labels(app).split("\n"))


def test_one_goes_on_and_back_and_leaves() -> None:
    app = open_page(tour="3")
    ways = [query for query in links(app) if "tour=2" in query or "tour=4" in query]
    assert len(ways) >= 2
    app.button(key="end-tour").click().run()
    assert not app.exception and app.title[0].value == "Maps"
    assert " of 5 · " not in texts_of(app)


@pytest.mark.parametrize("named", ["0", "6", "two", "²", ""])
def test_a_stop_that_is_none_is_the_page_alone(named: str) -> None:
    app = open_page(tour=named)
    assert not app.exception and " of 5 · " not in texts_of(app)


def test_the_menu_leads_to_every_stop_and_to_the_glossary() -> None:
    app = open_page()
    found = [link.proto for link in app.get("page_link")]
    assert [p.label for p in found][:6] == [*(f"{n}. {s.title}" for n, s in STOPS), "Glossary"]
    assert [f"tour={n}" in p.query_string for n, p in zip(range(1, 6), found, strict=False)] == [
        True
    ] * 5


def test_a_projector_shows_charts_in_large_type_and_the_way_to_the_next_page() -> None:
    plain, large = open_page("paths"), open_page("paths", view="projector")
    assert not large.exception
    figures = [json.loads(chart.proto.spec)["layout"] for chart in large.get("plotly_chart")]
    assert figures and all(f["font"]["size"] == projector.FONT for f in figures)
    assert len(large.get("popover")) < len(plain.get("popover"))  # no chart's numbers
    first = [link.proto for link in open_page(view="projector").get("page_link")]
    ways = [link.page for link in first if link.query_string == "view=projector"]
    assert [way.rpartition("/")[2] for way in ways] == ["library", "paper"]


def test_a_projector_goes_through_the_tour_stop_by_stop() -> None:
    app = open_page(tour="2", view="projector")
    assert not app.exception
    kept = [query for query in links(app) if "view=projector" in query]
    assert any("tour=3" in query for query in kept) and any("tour=1" in query for query in kept)


def test_who_has_gone_on_meanwhile_is_not_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's answer that it is new may come after a click on another page's link."""
    monkeypatch.setattr(tour, "_is_new", lambda *, offered: True)
    begun, gone = open_page(), open_page("library")
    assert (
        "1 of 5 · " in texts_of(begun) and begun.title[0].value == "Two vectors, one forward pass"
    )
    assert " of 5 · " not in texts_of(gone) and gone.title[0].value == "Library"
