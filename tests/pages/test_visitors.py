"""Who is asking: two cookies, and what each visitor may do with what is theirs or is not."""

import http.client
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from explorer.base.errors import BadInputError
from explorer.jobs import client
from explorer.library import labels
from explorer.library.items import items
from explorer.people import host, limits, owners
from explorer.people.limits import Limits
from explorer.people.person import ALONE, own_name, recognised
from explorer.solutions import sets
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST
from tests.explorer.jobs.frames import change
from tests.pages.driving import open_page, texts_of
from tests.pages.test_push import served
from tests.pages.test_server import Visit, visit
from widgets import server
from widgets.language import LANGUAGE
from widgets.server import BROWSER, HOST
from widgets.visitors import Visitors

__all__ = ["visit"]
PAGE = {"Accept": "text/html,application/xhtml+xml"}


async def _shown(request: Request) -> HTMLResponse:
    return HTMLResponse(str(request.url))


class Opened(NamedTuple):
    """What a browser is answered."""

    status: int
    location: str | None
    kept: str | None
    cookies: SimpleCookie


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Starlette(
        routes=[Route("/{path:path}", _shown, methods=["GET", "POST"])],
        middleware=[Middleware(Visitors, base_path="class/")],
    )
    with served(app) as number:
        yield number


def browse(port: int, path: str, method: str = "GET", **headers: str) -> Opened:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in (PAGE | headers).items()}
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    set_cookies = "; ".join(answer.headers.get_all("Set-Cookie") or [])
    return Opened(
        answer.status,
        answer.getheader("Location"),
        answer.getheader("Cache-Control"),
        SimpleCookie(set_cookies),
    )


def test_a_browser_gets_a_secret_with_its_first_page_and_keeps_it(port: int) -> None:
    opened = browse(port, "/class/")
    assert opened.kept == "no-store", "no proxy gives one person's to another"
    first = opened.cookies[BROWSER]
    assert len(first.value) >= 32 and first["path"] == "/class"
    assert first["httponly"] and first["samesite"] == "lax" and not first["secure"]
    assert not browse(port, "/class/library", Cookie=f"{BROWSER}={first.value}").cookies
    assert browse(port, "/class/").cookies[BROWSER].value != first.value


def test_only_pages_set_it_and_over_https_it_stays_there(port: int) -> None:
    assert not browse(port, "/class/static/a.js", Accept="*/*").cookies
    assert not browse(port, "/class/", "POST").cookies
    assert browse(port, "/class/", X_Forwarded_Proto="https").cookies[BROWSER]["secure"]


def test_a_language_in_the_address_is_kept_if_it_is_one(port: int) -> None:
    assert browse(port, "/class/?lang=de").cookies[LANGUAGE].value == "de"
    assert LANGUAGE not in browse(port, "/class/?lang=<b>").cookies
    again = browse(port, "/class/?lang=en", Cookie=f"{BROWSER}=kept; {LANGUAGE}=de")
    assert again.cookies[LANGUAGE].value == "en" and BROWSER not in again.cookies
    assert not browse(port, "/class/", Cookie=f"{BROWSER}=kept; {LANGUAGE}=de").cookies


def test_a_link_made_in_another_language_leads_to_the_same_choice(port: int) -> None:
    german = {"Accept_Language": "de-DE,de;q=0.9"}
    opened = browse(port, "/class/library?room=Sets&text=Sets", **german)
    assert (opened.status, opened.location) == (303, "./library?room=Sammlungen&text=Sets")
    assert BROWSER in opened.cookies
    back = browse(port, "/class/library?room=Sammlungen&lang=en", **german)
    assert back.location == "./library?room=Sets&lang=en"
    for query in ("room=Sammlungen", "room=", "room=nowhere", ""):
        assert browse(port, f"/class/library?{query}", **german).status == 200


def test_the_key_makes_a_browser_the_hosts_and_leaves_the_address(port: int) -> None:
    opened = browse(port, f"/class/library?room=Jobs&host={host.key()}")
    assert opened.status == 303 and opened.location == "./library?room=Jobs"
    kept = opened.cookies[HOST]
    assert host.is_token(kept.value) and host.key() not in kept.value and kept["httponly"]
    assert browse(port, f"/class/?host={host.key()}").location == "./"
    wrong = browse(port, "/class/?host=wrong")
    assert wrong.status == 200 and HOST not in wrong.cookies


def come(visit: Visit, secret: str, *, is_host: bool = False) -> None:
    kept = {BROWSER: secret} | ({HOST: host.token()} if is_host else {})
    visit(address="0.0.0.0", ip="192.168.1.7", Host="class:8501", drop="Origin", cookies=kept)


def test_people_are_told_apart_and_alone_everything_is_ones_own(visit: Visit) -> None:
    visit()
    assert server.person().id is None and server.person().is_host
    come(visit, "ada")
    assert server.person() == recognised("ada")
    come(visit, "ada", is_host=True)
    assert server.person() == recognised("ada", is_host=True)
    visit(ip="192.168.1.7", cookies={HOST: "0" * 64})
    assert not server.person().is_host and server.person() == server.person()


def test_a_login_says_who_somebody_is(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    come(visit, "ada")
    said = {"is_logged_in": True, "iss": "https://school", "sub": "7", "name": "Ada L."}
    monkeypatch.setattr(server.st, "user", SimpleNamespace(to_dict=lambda: said))
    at_home = server.person()
    come(visit, "another browser")
    assert server.person() == at_home != recognised("ada")


@pytest.fixture
def job(visit: Visit, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of Ada's."""
    monkeypatch.setenv("EXPLORER_ROOTS", str(tiny_llama_folder))
    come(visit, "ada")
    return server.submit(
        ReconstructSpec(
            model=str(tiny_llama_folder), text="The heron waits", length=3, recipe=FAST, restarts=2
        )
    )


def _requested(job: str) -> str:
    return client.get(job).requested


def test_others_cannot_stop_a_job_also_without_its_buttons(visit: Visit, job: str) -> None:
    come(visit, "ben")
    server.ask(job, "stop")  # a refusal is said, not raised: this is a button's callback
    assert _requested(job) == "run" and not client.get(job).over
    app = open_page(job=job)
    assert not {"Pause", "Stop"} & {button.label for button in app.button}
    assert "By Guest" in texts_of(app)
    come(visit, "ada")
    labels = {button.label for button in open_page(job=job).button}
    assert {"Pause", "Stop"} <= labels
    server.ask(job, "pause")
    assert _requested(job) == "pause"
    come(visit, "cleo", is_host=True)
    app = open_page(job=job)
    app.button(key=f"stop-{job}").click().run()
    assert client.get(job).state == "stopped"


def test_a_job_that_goes_on_counts_as_one_that_begins(visit: Visit, job: str) -> None:
    limits.keep(Limits(jobs=1), ALONE)
    server.ask(job, "pause")
    server.ask(job, "run")  # it does not count itself
    assert _requested(job) == "run"
    server.ask(job, "pause")
    second = server.submit(client.get(job).spec)
    server.ask(job, "run")
    assert _requested(job) == "pause"
    change(job, state="failed", requested="run")
    server.resume(job)
    assert client.get(job).state == "failed"
    server.ask(second, "stop")
    server.resume(job)
    assert client.get(job).state == "queued"


def test_others_can_neither_delete_nor_name_an_entry(visit: Visit, job: str) -> None:
    client.ask(job, "stop")
    come(visit, "ben")
    (item,) = (item for item in items("job") if item.id == job)
    for action in (
        lambda: server.throw([item]),
        lambda: server.relabel(item, name="mine", note="", tags=()),
        server.empty_trash,
    ):
        with pytest.raises(BadInputError, match="host"):
            action()
    come(visit, "ada")
    server.relabel(item, name="mine", note="", tags=())
    deletion = server.throw([item])
    come(visit, "ben")
    with pytest.raises(BadInputError, match="not yours"):
        server.undo(deletion)
    come(visit, "ada")
    server.undo(deletion)
    (item,) = (item for item in items("job") if item.id == job)
    assert item.owner == recognised("ada").id == owners.owners()[job]


def test_the_library_shows_whose_and_filters_mine(visit: Visit, job: str) -> None:
    come(visit, "ben", is_host=True)
    client.submit(client.get(job).spec)  # nobody's
    app = open_page("library", room="Jobs")
    assert not app.exception
    (table,) = app.dataframe
    assert sorted(table.value["by"])[0] == "" and "Guest" in sorted(table.value["by"])[1]
    app.segmented_control(key="whose").set_value("Mine").run()
    assert not app.dataframe and "No matches" in texts_of(app)
    come(visit, "ada")
    app.run()
    assert len(app.dataframe[0].value) == 1


def test_alone_there_is_no_name_and_no_filter(visit: Visit, job: str) -> None:
    visit()
    app = open_page("library", room="Jobs")
    assert not app.exception and "whose" not in [c.key for c in app.segmented_control]
    assert "own-name" not in [field.key for field in app.text_input]


def test_a_name_is_typed_on_any_page_and_a_wrong_key_is_said(visit: Visit) -> None:
    come(visit, "ada")
    app = open_page(host="wrong")
    assert "not this server's host key" in texts_of(app)
    app.text_input(key="own-name").set_value("Ada *L*").run()
    assert not app.exception and own_name(recognised("ada")) == "Ada *L*"


@pytest.mark.usefixtures("without_shipped")
def test_what_is_somebody_elses_is_left_out_when_chosen_solutions_are_tagged(
    visit: Visit, make_set: Callable[..., str]
) -> None:
    mine, theirs = make_set(), make_set(seed=1)
    owners.note(recognised("ada"), mine)
    owners.note(recognised("ben"), theirs)
    come(visit, "ada")
    app = open_page("maps")
    app.multiselect(key="chosen_sets").set_value([theirs, mine]).run()
    (picker,) = [w for w in app.multiselect if str(w.key).startswith("named-")]
    found = [sets.read(sets.find(name)).solutions[0].record.id for name in (theirs, mine)]
    picker.set_value(found).run()
    app.text_input(key="tag-word").set_value("cluster").run()
    app.button(key="tag-them").click().run()
    assert not app.exception and not app.error
    assert "1 solution tagged" in app.success[0].value
    assert "somebody else" in texts_of(app)
    assert list(labels.labels("solution")) == [found[1]]
