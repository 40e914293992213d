"""One worker for each device: what the environment names, or as many GPUs as there are."""

from pathlib import Path

import pytest

from explorer.jobs import client, devices

computing = devices._computing


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No device is named, and no driver is here; gives the folder in which programs are found."""
    for name in (devices.NAMED, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices.metadata, "version", lambda _: "2.13.0")
    monkeypatch.setattr(devices, "_computing", lambda names: names)
    devices._gpus.cache_clear()
    return tmp_path


def driver(folder: Path, listed: str) -> None:
    """Install a driver's program that lists GPUs."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{listed}'\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("", ("auto",)),
        ("GPU 0: H100 (UUID: a)", ("auto",)),
        ("GPU 0: H100 (UUID: a)\nGPU 1: H100 (UUID: b)", ("cuda:0", "cuda:1")),
        ("GPU 0: H100\n  MIG 1g.10gb Device 0: (UUID: c)\nGPU 1: H100", ("auto",)),
    ],
)
def test_every_gpu_that_the_driver_lists_has_a_worker(
    bare: Path, listed: str, found: tuple[str, ...]
) -> None:
    driver(bare, listed)
    assert devices.devices() == found


def test_without_a_driver_the_worker_chooses() -> None:
    assert devices.devices() == ("auto",)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", ("auto",)),
        ("3", ("auto",)),
        ("5,7", ("cuda:0", "cuda:1")),
        ("5,-1,7", ("auto",)),
        ("MIG-41,MIG-42", ("auto",)),
    ],
)
def test_gpus_that_are_hidden_have_none(
    monkeypatch: pytest.MonkeyPatch, visible: str, found: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.devices() == found


def test_gpus_that_torch_cannot_use_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(devices.metadata, "version", lambda _: "2.13.0+cpu")
    assert devices.devices() == ("auto",)


def test_gpus_on_which_torch_computes_nothing_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too old for its kernels, a driver too old for it, or not there: no worker would stay."""
    assert computing(("cpu", "cuda:77", "nonsense")) == ("cpu",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,9")
    monkeypatch.setattr(devices, "_computing", lambda names: names[:1])
    assert devices.devices() == ("cuda:0",)
    monkeypatch.setattr(devices, "_computing", lambda names: ())
    assert devices.devices() == ("auto",)
    monkeypatch.setattr(devices.sys, "executable", "/nowhere/python")
    assert computing.__wrapped__(("cuda:0", "cuda:1")) == ("cuda:0", "cuda:1")  # it cannot be told


def test_what_is_named_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv(devices.NAMED, " cpu#1, cpu#2,cpu#1 ")
    assert devices.devices() == ("cpu#1", "cpu#2")


def test_the_app_starts_one_worker_for_each_device(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setenv(devices.NAMED, "cuda:0,cuda:1")
    monkeypatch.setattr(client, "ensure_worker", lambda d: started.append(d) or d == "cuda:1")
    assert client.ensure_workers() is True
    assert started == ["cuda:0", "cuda:1"]
