"""Paths on the server's disk are for whoever sits in front of it, and what is refused is alike."""

import ast
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from explorer.assets import allowed_folders, catalog
from explorer.base import folders
from explorer.base.errors import BadInputError, ModelError
from explorer.jobs import client
from explorer.library import exchange
from explorer.people import limits
from explorer.people.person import ALONE
from explorer.specs.jobs import (
    DepthSpec,
    DistancesSpec,
    DownloadSpec,
    InsideSpec,
    JobSpec,
    LandscapeSpec,
    MapSpec,
    PathsSpec,
    RadiusSpec,
    SolveSetSpec,
)
from explorer.specs.recipes import FAST
from tests.pages.driving import open_page, texts_of
from widgets import server

HERE = {"Host": "127.0.0.1:8501", "Origin": "http://127.0.0.1:8501"}
Visit = Callable[..., None]


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Ask as somebody: from where, to a server that listens where, with which headers."""
    plain = st.get_option

    def ask(
        address: str | None = "127.0.0.1",
        ip: str | None = None,
        drop: str = "",
        cookies: dict[str, str] | None = None,
        **headers: str,
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in (HERE | named).items() if name != drop}
        monkeypatch.setattr(
            st,
            "context",
            SimpleNamespace(headers=sent, ip_address=ip, cookies=cookies or {}, url=None),
        )
        monkeypatch.setattr(
            st, "get_option", lambda name: address if name == "server.address" else plain(name)
        )

    return ask


PRIVATE: list[dict[str, Any]] = [
    {},
    {"address": "localhost", "Host": "localhost:8501", "Origin": "http://localhost:8501"},
    {"address": "::1", "Host": "[::1]:8501", "Origin": "http://[::1]:8501"},
    {"drop": "Origin"},
]
OPEN: list[dict[str, Any]] = [
    {"address": None},  # Streamlit takes it for every network
    {"address": ""},
    {"address": "0.0.0.0"},
    {"address": "192.168.1.5"},
    {"ip": "192.168.1.7"},
    {"Host": "explorer.example"},
    {"Host": "127.0.0.1.example:8501"},
    {"Host": "["},
    {"drop": "Host"},
    {"Origin": "https://explorer.example"},  # what a proxy passes on that sets Host by itself
    {"Origin": "null"},
    {"X_Forwarded_For": "203.0.113.7"},
    {"x_forwarded_proto": "https"},
    {"X_Real_IP": "127.0.0.1"},
    {"Forwarded": "for=203.0.113.7"},
    {"Via": "1.1 proxy"},
    {"CF_Connecting_IP": "203.0.113.7"},
]


@pytest.mark.parametrize("asked", PRIVATE, ids=str)
def test_a_person_in_front_of_the_machine_is_known(visit: Visit, asked: dict[str, Any]) -> None:
    visit(**asked)
    assert server.is_private()


@pytest.mark.parametrize("asked", OPEN, ids=str)
def test_everybody_else_is_not(visit: Visit, asked: dict[str, Any]) -> None:
    visit(**asked)
    assert not server.is_private()


def test_a_hub_id_tells_others_nothing_of_a_folder_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folders.PROJECT)
    assert Path("explorer/data").is_dir()
    monkeypatch.setattr(server, "is_private", lambda: False)
    said = texts_of(open_page(model=Path("explorer/data")))
    assert "explorer/data is not downloaded yet" in said and str(folders.PROJECT) not in said


def _recipe(**fields: Any) -> dict[str, Any]:
    return {"length": 3, "regime": "free", "arrangement": "e+mN", "recipe": FAST} | fields


def _specs(path: str) -> list[JobSpec]:
    """Return a job of every kind that can be asked to read a path."""
    train = {"model": path, "text": "a", "length": 1, "arrangement": "e+mN", "recipe": FAST,
             "restarts": 1}  # fmt: skip
    made = [
        DownloadSpec(model=path),
        SolveSetSpec.model_validate(_recipe(model=path)),
        SolveSetSpec.model_validate(_recipe(model="smollm2-135m", source="corpus", path=path)),
        DistancesSpec(set=path),
        DepthSpec(set=path),
        MapSpec(sets=("131d0d", path)),
        PathsSpec(pairs=(("a-1", path),)),
        PathsSpec.model_validate({"train": train}),
        LandscapeSpec(paths=path),
        RadiusSpec(solution=path),
        InsideSpec(solution=path),
        InsideSpec(solution="0011223344ff-abcdef01", other=path),
    ]
    return [*made, roots_experiment(path)]


def roots_experiment(path: str) -> JobSpec:
    from explorer.specs.experiments import ThroughputSettings
    from explorer.specs.jobs import ExperimentSpec

    return ExperimentSpec(settings=ThroughputSettings(model=path))


def test_a_job_that_names_a_path_is_refused_alike_whether_it_is_there_or_not(
    visit: Visit, tiny_llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(ip="192.168.1.7")
    there, nowhere = tiny_llama_folder, tmp_path / "nowhere"
    limits.keep(limits.Limits(jobs=100, rows=1000, downloads="everyone"), ALONE)
    for path in (there, nowhere, "~/x", "../cache", "/etc/passwd"):
        for spec in _specs(str(path)):
            with pytest.raises(BadInputError) as refused:
                server.submit(spec)
            assert str(refused.value) == allowed_folders.NO_PATHS
    assert not client.jobs()
    (tmp_path / "link").symlink_to(tmp_path.parent)
    monkeypatch.setenv("EXPLORER_ROOTS", f"{tmp_path / 'root'}:{tiny_llama_folder}")
    for spec in _specs(str(there)):
        server.submit(spec)
    assert len(client.jobs()) == len(_specs("x"))
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    for path in (tmp_path / "link" / "x", tmp_path / ".." / "x"):
        with pytest.raises(BadInputError, match="EXPLORER_ROOTS"):
            server.submit(RadiusSpec(solution=str(path)))
    server.submit(RadiusSpec(solution=str(nowhere)))


def test_ids_names_and_hub_ids_are_no_paths(visit: Visit) -> None:
    visit(ip="192.168.1.7")
    limits.keep(limits.Limits(jobs=100, downloads="everyone"), ALONE)
    for name in ("smollm2-135m", "pythia-160m", "EleutherAI/pythia-70m", "cache/local"):
        server.submit(DownloadSpec(model=name))
    server.submit(PathsSpec(pairs=(("57b2472d141a-8ac6cf92", "0a"),)))
    server.submit(LandscapeSpec(paths="1-four-texts"))
    assert catalog.find("cache/local").origin == "hub"  # also in a folder that has it
    with pytest.raises(ModelError):
        catalog.find("./cache/local")


CHECKED = {
    "client.submit", "client.request", "client.ask", "kept.resume", "trash.throw", "trash.undo",
    "trash.empty", "exchange.take_in", "items.relabel", "labels.put", "limits.submit",
    "owners.note",
}  # fmt: skip
"""What not everybody may do; `widgets.server` asks who wants it."""


def test_pages_and_widgets_change_things_through_the_check_alone() -> None:
    for file in [
        *(folders.PROJECT / "pages").glob("*.py"),
        *(folders.PROJECT / "widgets").rglob("*.py"),
    ]:
        named = {  # also as a button's callback, without being called
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        if file.name not in ("server.py", "start.py"):  # what start.py queues is the same always
            assert not named & CHECKED, file
            assert "import relabel" not in file.read_text()


@pytest.mark.parametrize("name", ["/nowhere/at/all", "~", "./cache", "..", "cache"])
def test_a_folder_as_model_is_refused_alike(
    visit: Visit, tiny_llama_folder: Path, name: str
) -> None:
    visit(X_Forwarded_For="203.0.113.7")
    for model in (Path(name), tiny_llama_folder):
        app = open_page(None, model)
        assert not app.exception
        assert [error.value for error in app.error] == [allowed_folders.NO_PATHS]
        assert "Start" not in [button.label for button in app.button]


def test_a_folder_that_is_allowed_is_a_model_for_everybody(
    visit: Visit, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(address="0.0.0.0", ip="192.168.1.7", Host="server:8501")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tiny_llama_folder.parent))
    app = open_page(None, tiny_llama_folder)
    app.button(key="start").click().run()
    assert not app.exception and not app.error and len(client.jobs()) == 1


@pytest.mark.parametrize("record", ["/nowhere/paths.safetensors", "README.md", "~", "PRESENT"])
def test_a_record_in_a_link_is_refused_alike(visit: Visit, record: str) -> None:
    visit(address=None)
    there = next((folders.PROJECT / "cache" / "recorded").rglob("*paths.safetensors"))
    app = open_page("paths", record=str(there) if record == "PRESENT" else record)
    assert not app.exception
    assert [error.value for error in app.error] == [allowed_folders.NO_PATHS]


@pytest.mark.parametrize("source", ["corpus", "random"])
def test_texts_of_this_disk_are_offered_where_they_may_be_read(
    visit: Visit,
    tiny_llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: str,
) -> None:
    def offered() -> tuple[bool, str]:
        app = open_page(None, tiny_llama_folder)
        app.selectbox(key="source").set_value(source).run()
        assert not app.exception
        return f"{source}_path" in [field.key for field in app.text_input], texts_of(app)

    assert offered()[0]
    monkeypatch.setenv("EXPLORER_ROOTS", str(tiny_llama_folder))  # for the model alone
    visit(ip="192.168.1.7")
    shown, said = offered()
    assert shown and allowed_folders.NO_PATHS not in said
    app = open_page(None, tiny_llama_folder)
    app.selectbox(key="source").set_value(source).run()
    (tmp_path / "a.txt").write_text("some text that is there")
    for path in (tmp_path, tmp_path / "nowhere", "/etc/passwd"):
        app.text_input(key=f"{source}_path").set_value(str(path)).run()
        assert [error.value for error in app.error] == [allowed_folders.NO_PATHS]


def test_a_solution_of_a_folder_model_tells_nobody_whether_the_folder_is_there(
    visit: Visit, tiny_llama_folder: Path, make_foreign: Callable[..., bytes]
) -> None:
    visit(ip="192.168.1.7")
    said = set()
    for number, model in enumerate((tiny_llama_folder, "/nowhere/at/all")):
        data = make_foreign(model=str(model), id=f"a-{number}")
        (found,) = exchange.take_in("a.safetensors", data, server.may_name)
        said.add(found.sentence.replace(str(model)[:80], "MODEL"))
    assert len(said) == 1
    with pytest.raises(BadInputError, match="EXPLORER_ROOTS"):
        server.request("decode", {}, str(tiny_llama_folder))


@pytest.fixture
def make_foreign(tmp_path: Path) -> Callable[..., bytes]:
    from explorer.solutions import store
    from explorer.solutions.solution import Solution, load_solution, save_solution

    file = next(f for f in sorted(store.shipped_runs()[0].glob("*-*.safetensors")))
    solution = load_solution(file)

    def make(**fields: Any) -> bytes:
        record = solution.record.model_copy(update=fields)
        changed = Solution(solution.e, solution.m, solution.target_ids, record)
        return save_solution(changed, tmp_path / "foreign.safetensors").read_bytes()

    return make
