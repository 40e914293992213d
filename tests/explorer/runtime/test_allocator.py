import subprocess
import sys

import pytest

from explorer.runtime import process

SCRIPT = """
import resource, psutil, torch
from explorer.runtime.process import give_memory_back, keep_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    return [torch.ones(2_000_000) for _ in range(20)]  # 160 MB

if {kept}:
    assert keep_memory()
for _ in range(3):
    work()
before = faults()
work()
after = faults()
held = psutil.Process().memory_info().rss
give_memory_back()
print(after - before, held - psutil.Process().memory_info().rss)
"""


def _measure(*, kept: bool) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(kept=kept)], capture_output=True, text=True, check=True
    )
    faults, given_back = map(int, done.stdout.split())
    return faults, given_back


PAGES = 160_000_000 // 4096


@pytest.mark.end_to_end
@pytest.mark.skipif(process._glibc() is None, reason="the C library is not glibc")
def test_memory_is_kept_between_steps_and_given_back_when_asked() -> None:
    faults, given_back = _measure(kept=True)
    assert faults < PAGES / 4  # once more the same work, and most of its pages are still there
    assert given_back > 100e6


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_glibc", lambda: None)
    assert not process.keep_memory()
    process.give_memory_back()
