import errno
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

from explorer.assets import hub
from explorer.assets.model_files import read_facts
from explorer.base.errors import MissingAssetError, ModelError, StorageError
from explorer.base.progress import Progress

COMMIT = "0123456789abcdef0123456789abcdef01234567"
EARLIER = "89abcdef0123456789abcdef0123456789abcdef"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{ }",
    "tokenizer_config.json": b"{  }",
    "model.safetensors": b"w" * 300_000,
    "pytorch_model.bin": b"pickle",
    "modeling_tiny.py": b"raise SystemExit",
    "consolidated.safetensors": b"the same weights again",
    "README.md": b"# Tiny",
}


class FakeHub(BaseHTTPRequestHandler):
    """Speaks as much of the hub's protocol as a snapshot download needs."""

    models: ClassVar = {
        "org/tiny": FILES,
        "org/pickled": {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
        "org/sharded": {
            "config.json": b"{}",
            "tokenizer.json": b"{ }",
            "model.safetensors.index.json": json.dumps(
                {"weight_map": {"a": "part_a.safetensors", "b": "model.safetensors-2.safetensors"}}
            ).encode(),
            "part_a.safetensors": b"a" * 1000,
            "model.safetensors-2.safetensors": b"b" * 1000,
            "consolidated.safetensors": b"the same weights again",
        },
    }
    models |= {
        "org/both": models["org/sharded"] | {"model.safetensors": b"whole"},
        "org/adapter": {"adapter_config.json": b"{}", "adapter_model.safetensors": b"a" * 100},
    }
    revisions: ClassVar = {"main": COMMIT, COMMIT: COMMIT, "step1000": EARLIER, EARLIER: EARLIER}
    fetched: ClassVar[list[str]]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        name = "/".join(self.path.removeprefix("/api/models").split("/")[1:3])
        if name == "org/gated" and "/resolve/" in self.path:
            self._refuse(403, "GatedRepo")
        elif name not in (*self.models, "org/gated"):
            self._refuse(401, "RepoNotFound")
        else:
            self._serve(name, self.models.get(name, FILES))

    def _serve(self, name: str, files: dict[str, bytes]) -> None:
        if "/tree/" in self.path:
            rows = [
                {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
                for path, content in files.items()
            ]
            self._answer(json.dumps(rows).encode())
        elif found := re.fullmatch(rf"/{name}/resolve/({COMMIT}|{EARLIER})/(.*)", self.path):
            if self.command == "GET":
                self.fetched.append(found[2])
            earlier = b"e" if found[1] == EARLIER and found[2] == "model.safetensors" else b""
            self._answer(files[found[2]] + earlier, found[1])
        elif (revision := [*self.path.split("/revision/"), "main"][1]) in self.revisions:
            self._answer(json.dumps({"id": name, "sha": self.revisions[revision]}).encode())
        else:
            self._refuse(404, "RevisionNotFound")

    def _answer(self, content: bytes, commit: str = COMMIT) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{_etag(content)}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on this machine with an empty cache; the files that are fetched from it."""
    FakeHub.fetched = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield FakeHub.fetched
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_weights_settings_and_tokenizer_are_fetched(fetched: list[str]) -> None:
    assert hub.cached("org/tiny") is None

    folder = hub.download("org/tiny")

    wanted = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(file.name for file in folder.iterdir()) == wanted
    assert sorted(fetched) == wanted
    assert hub.cached("org/tiny") == folder


def test_a_model_on_this_disk_is_not_fetched_again(
    fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub.download("org/tiny")
    fetched.clear()

    assert hub.download("org/tiny") == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.cached("org/tiny") == folder
    assert fetched == []


@pytest.mark.usefixtures("fetched")
def test_a_model_with_a_file_missing_is_not_complete() -> None:
    folder = hub.download("org/tiny")
    (folder / "model.safetensors").unlink()

    assert hub.cached("org/tiny") is None


@pytest.mark.usefixtures("fetched")
def test_progress_rises_to_everything() -> None:
    reports: list[Progress] = []

    hub.download("org/tiny", reports.append)

    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    sentences = {report.sentence for report in reports}
    assert sentences == {"Downloading org/tiny, 300 kB", "org/tiny: ready"}


def test_shards_are_fetched_by_the_names_in_the_index(fetched: list[str]) -> None:
    folder = hub.download("org/sharded")

    shards = {"part_a.safetensors", "model.safetensors-2.safetensors"}
    assert {file.name for file in folder.glob("*.safetensors")} == shards
    assert "consolidated.safetensors" not in fetched
    assert hub.cached("org/sharded") == folder
    (folder / "part_a.safetensors").unlink()
    assert hub.cached("org/sharded") is None


def test_weights_in_one_file_are_enough_beside_an_index_of_shards(fetched: list[str]) -> None:
    """As a second upload in another size leaves them behind."""
    folder = hub.download("org/both")
    assert not {"part_a.safetensors", "model.safetensors-2.safetensors"} & set(fetched)
    assert hub.cached("org/both") == folder


@pytest.mark.usefixtures("fetched")
def test_an_adapter_is_known_by_its_configuration() -> None:
    with pytest.raises(ModelError, match="holds an adapter"):
        read_facts(hub.download("org/adapter"))


@pytest.mark.usefixtures("fetched")
def test_a_revision_is_another_folder() -> None:
    main, step = hub.download("org/tiny"), hub.download("org/tiny@step1000")

    assert (main.name, step.name) == (COMMIT, EARLIER)
    assert hub.cached("org/tiny@step1000") == step and hub.cached("org/tiny") == main
    assert hub.cached("org/tiny@step2000") is None
    assert (step / "model.safetensors").read_bytes() == FILES["model.safetensors"] + b"e"
    assert hub.cached_revisions("org/tiny") == ["org/tiny@step1000"]
    assert hub.cached_revisions("org/tiny@step1000") == ["org/tiny"]
    assert hub.cached_revisions("org/nowhere") == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("org/gated", "org/gated is gated: ask for access"),
        ("org/unknown", "The hub knows no model org/unknown"),
        ("org/pickled", r"org/pickled has no model\.safetensors"),
        ("org/tiny@step7", r"knows org/tiny, but no revision step7 of it"),
    ],
)
def test_what_cannot_be_had_is_said(fetched: list[str], name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        hub.download(name)
    assert fetched == []


@pytest.mark.usefixtures("fetched")
def test_offline_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(MissingAssetError, match="org/tiny is not complete on this disk"):
        hub.download("org/tiny")


@pytest.mark.usefixtures("fetched")
def test_a_hub_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # discard: nobody listens

    with pytest.raises(MissingAssetError, match="the hub cannot be reached"):
        hub.download("org/tiny")


@pytest.mark.usefixtures("fetched")
def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)

    with pytest.raises(StorageError, match="No space left on device"):
        hub.download("org/tiny")


@pytest.mark.parametrize(
    ("name", "well_formed"),
    [
        ("org/tiny", True),
        ("EleutherAI/pythia-160m", True),
        ("gpt2", False),
        ("org/tiny/more", False),
        ("org/", False),
        ("org/ti ny", False),
        ("org/a..b", False),
        ("org/tiny@step1000", True),
        ("org/tiny@refs/pr/1", True),
        (f"org/tiny@{COMMIT}", True),
        ("org/tiny@", False),
        ("org/tiny@../../etc", False),
        ("org/tiny@a b", False),
        ("tiny@step1000", False),
        ("", False),
    ],
)
def test_hub_ids(name: str, well_formed: bool) -> None:
    assert hub.is_id(name) is well_formed
