"""How much memory a model needs, beside what this process has loaded."""

from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from explorer.assets import catalog, memory
from explorer.base.errors import ModelError
from explorer.runtime import limits


def test_what_a_model_needs_is_held_against_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(available=9_000_000_000, total=16_000_000_000)
    held = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=200_000_000))
    monkeypatch.setattr(psutil, "Process", lambda: held)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    small, large = catalog.find("pythia-1.4b"), catalog.find("llama-3.1-8b")

    assert memory.needed_by(small) == 4 * 1_414_647_808 + memory.RUNTIME_BYTES
    assert memory.fits(small)
    memory.require_fits(small)
    assert not memory.fits(large, bytes_per_parameter=2)
    with pytest.raises(ModelError) as raised:
        memory.require_fits(large, bytes_per_parameter=2)
    assert str(raised.value) == (
        "Llama 3.1-8B needs about 16.5 GB of memory besides what is loaded, and 9 GB are free. "
        "Choose a smaller model or close other programs."
    )
    assert memory.fits(replace(large, parameters=None))


def test_the_embedded_model_fits_where_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container of 1.3 GB, 901 MB are free, and N = 12 takes .84 in all: 919 were asked for.

    Python and torch were counted beside a working space that held them.
    """
    held = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=400_000_000))
    monkeypatch.setattr(psutil, "Process", lambda: held)
    monkeypatch.setattr(limits, "memory_free", lambda: 901_000_000)
    embedded = catalog.known_models()[0]
    memory.require_fits(embedded, bytes_per_parameter=2)
    memory.require_fits(embedded, bytes_per_parameter=4)
    monkeypatch.setattr(limits, "memory_free", lambda: 500_000_000)
    with pytest.raises(ModelError, match="500 MB are free"):
        memory.require_fits(embedded, bytes_per_parameter=2)
