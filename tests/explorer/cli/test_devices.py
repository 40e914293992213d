"""Which GPUs of this machine Ray sees when a command is spread over some of them."""

import argparse
import os

import pytest
import torch

from explorer.base.errors import BadInputError
from explorer.cli import devices
from explorer.cluster import joining


@pytest.mark.parametrize(
    ("visible", "named", "seen"),
    [
        (None, ["cuda:0", "cuda:2"], "0,2"),
        ("4,5,6,7", ["cuda:0", "cuda:2"], "4,6"),
        ("GPU-a, GPU-b", ["cuda:1"], "GPU-b"),
        ("4,5", ["cpu"], ""),
    ],
)
def test_ray_sees_the_gpus_that_are_held_and_no_others(
    visible: str | None, named: list[str], seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with devices._here(named):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == seen
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible


@pytest.mark.parametrize(
    ("ray", "device", "gpus", "used"),
    [
        (joining.LOCAL, "auto", 3, ["cuda:0", "cuda:1", "cuda:2"]),
        (joining.LOCAL, "auto", 0, ["cpu"]),
        (joining.LOCAL, "cpu", 3, ["cpu"]),
        (None, "all", 2, ["cuda:0", "cuda:1"]),
    ],
)
def test_ray_alone_takes_all_gpus_of_this_machine(
    ray: str | None, device: str, gpus: int, used: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "require_ray", lambda: None)
    monkeypatch.setattr(joining, "require_answer", lambda _: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    asked = argparse.Namespace(ray=ray, device=device, cores=None)
    assert devices.several(asked) == used


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"ray": "host:1", "device": "cpu"}, "leave --device or --ray out"),
        ({"cores": 4}, "--cores goes with --ray"),
    ],
)
def test_options_that_would_be_ignored_are_refused(named: dict[str, object], said: str) -> None:
    asked = {"ray": None, "device": "auto", "cores": None} | named
    with pytest.raises(BadInputError, match=said):
        devices.several(argparse.Namespace(**asked))
