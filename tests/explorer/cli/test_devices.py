"""Which GPUs of this machine Ray sees when a command is spread over some of them."""

import os

import pytest

from explorer.cli import devices


@pytest.mark.parametrize(
    ("visible", "named", "seen"),
    [
        (None, ["cuda:0", "cuda:2"], "0,2"),
        ("4,5,6,7", ["cuda:0", "cuda:2"], "4,6"),
        ("GPU-a, GPU-b", ["cuda:1"], "GPU-b"),
        ("4,5", ["cpu"], "4,5"),
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
