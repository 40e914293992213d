"""Where Ray is joined, and what is said where it cannot be."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.cluster import joining
from explorer.cluster.joining import Asks


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "No Ray cluster answers at 127.0.0.1:9"),
        ("127.0.0.1:99999999", "No Ray cluster answers"),
        ("nonsense", "is not the address of a Ray cluster"),
        ("ray://127.0.0.1:10001", "is not the address of a Ray cluster"),
    ],
)
def test_an_address_where_no_cluster_is_gets_its_sentence(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "require_ray", lambda: None)
    with pytest.raises(BadInputError, match=said):
        joining.require_answer(address)


def test_without_ray_the_option_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining.util, "find_spec", lambda name: None)
    with (
        pytest.raises(BadInputError, match=r"pip install -r requirements-ray\.txt"),
        joining.joined(joining.LOCAL),
    ):
        pass


def test_a_machine_on_which_ray_does_not_start_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**_: object) -> None:
        raise Exception("The current node timed out during startup.")

    ray = SimpleNamespace(init=init, is_initialized=lambda: False)
    monkeypatch.setattr(joining, "require_ray", lambda: None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with (
        pytest.raises(BadInputError, match="could not be started on this machine: The"),
        joining.joined(joining.LOCAL),
    ):
        pass


@pytest.mark.parametrize(
    ("asks", "resources", "places"),
    [
        (Asks(2, 0.0, 10), {"CPU": 5.0, "memory": 100.0}, 2),
        (Asks(1, 0.5, 10), {"CPU": 8.0, "GPU": 2.0, "memory": 100.0}, 4),
        (Asks(1, 0.4, 10), {"CPU": 8.0, "GPU": 2.0, "memory": 100.0}, 4),
        (Asks(1, 0.7, 10), {"CPU": 8.0, "GPU": 3.0, "memory": 100.0}, 3),
        (Asks(1, 1.0, 10), {"CPU": 8.0, "GPU": 3.0, "memory": 100.0}, 3),
        (Asks(1, 0.5, 10), {"CPU": 8.0, "memory": 100.0}, 0),
        (Asks(1, 0.0, 60), {"CPU": 8.0, "memory": 100.0}, 1),
    ],
)
def test_a_machine_has_room_for_what_its_scarcest_resource_allows(
    asks: Asks, resources: dict[str, float], places: int
) -> None:
    assert asks.places(resources) == places


@pytest.mark.parametrize(("stored", "part"), [({"BF16"}, 0.3), ({"F16"}, 0.4)])
def test_a_process_asks_for_the_gpu_memory_of_what_it_holds(
    stored: set[str], part: float, tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searched in bfloat16 and confirmed in float32, in one copy or in two: 4 or 6 bytes each."""
    card = replace(catalog.find(str(tiny_llama_folder)), parameters=10**9)
    fake = SimpleNamespace(cluster_resources=lambda: {"GPU": 1.0})
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(joining, "machines", lambda: {"a": {"CPU": 8.0}})
    monkeypatch.setattr(joining, "stored_formats", lambda _: stored)
    assert joining.asked(card, None, 20 * 10**9).gpu == part
