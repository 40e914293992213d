"""What a set of the paper's size costs to compare: `python -m benchmarks.statistics [--d 2048]`.

50 contexts × (9 + 10) solutions of random vectors (E6), around a centre for each context and text,
in a cache of their own: 450,775 pairs. Their statistics are computed as the app does it, in the
process beside the worker; then the page Distances runs twice, as for somebody who changes a
setting. No model is needed; the distances between texts load the sentence model.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from explorer.base import folders
from explorer.geometry import measure_distances
from explorer.solutions import sets
from explorer.solutions.solution import Solution, SolutionRecord, save_solution
from explorer.specs.jobs import SolveSetSpec
from explorer.specs.recipes import INDEPENDENT
from explorer.worker.side_process import SideProcess, tell

CONTEXTS, CONTINUATIONS, RESTARTS, LENGTH = 50, 10, 10, 16
WORDS = ("heron", "tram", "bell", "letter", "quarry", "lighthouse", "tax", "harbour", "snow")


def make_set(d: int, contexts: int = CONTEXTS, seed: int = 0) -> str:
    """Write a set of random vectors of `d` numbers into the cache and return its id."""
    draw = np.random.default_rng(seed)
    spec = SolveSetSpec(
        model="random", contexts=contexts, continuations=CONTINUATIONS, restarts=RESTARTS,
        length=LENGTH, regime="free", arrangement="e+mN", recipe=INDEPENDENT, seed=seed,
    )  # fmt: skip
    name = sets.set_id(spec, f"{d:064d}")
    texts: list[sets.SetText] = []
    members: list[sets.Member] = []
    for context in range(contexts):
        centre = draw.normal(size=(2, d))
        for k in range(CONTINUATIONS):
            ids = [context, k, *draw.integers(0, 1000, LENGTH - 2).tolist()]
            text = " ".join(draw.choice(WORDS, 8)) + f" {context} {k}"
            texts.append(sets.SetText(context=context, continuation=k, target_ids=ids, text=text))
            here = centre + 2 * draw.normal(size=(2, d))
            for restart in range(RESTARTS if k == CONTINUATIONS - 1 else 1):
                number = f"{len(members):012x}-{name[:8]}"
                e, m = (here + 4 * draw.normal(size=(2, d))).astype(np.float32)
                record = SolutionRecord(
                    id=number, made_from=number[:12], model="random", fingerprint=f"{d:064d}",
                    arrangement="e+mN", recipe=INDEPENDENT, seed=len(members), text=text,
                    accuracy=1.0, exact=True, c_tokens=LENGTH, h_lm=50.0, h_lm_terms=LENGTH,
                    loss=0.1, steps=100, seconds=1.0, created="2026-01-01T00:00:00+00:00",
                )  # fmt: skip
                file = sets.folder_of(name) / f"{number}.safetensors"
                save_solution(Solution(e, m, np.array(ids), record), file)
                members.append(
                    sets.Member(
                        context=context, continuation=k, restart=restart, attempt=0,
                        seed=record.seed, solution=number, file=file.name, accuracy=1.0,
                        exact=True, steps=100, seconds=1.0, reason=None,
                    )
                )  # fmt: skip
    found = [
        sets.SetContext(title=f"Context {c + 1}", source="seen", text=f"{c}")
        for c in range(contexts)
    ]
    sets.save(
        sets.SetRecord(
            id=name, spec=spec, fingerprint=f"{d:064d}", d_model=d, contexts=found, texts=texts,
            members=members, complete=True, created="2026-01-01T00:00:00+00:00",
        )
    )  # fmt: skip
    return name


def measure(name: str) -> dict[str, Any]:
    """Compute a set's statistics as the worker has it done; return pairs, seconds and memory.

    `cpu_seconds` is computing time, also where other programs take a part of the machine. `peak_mb`
    is the most that the process held, libraries and sentence model included, `before_mb` what it
    held when it began.
    """
    process = SideProcess()
    try:
        before = process.submit(peak_mb).result()
        began = time.perf_counter()
        work = process.submit(measure_distances.make_and_save, name, tell)
        bar = sys.stderr.isatty()
        while not work.done():
            if (progress := process.progress(work)) is not None and bar:
                print(f"{progress.fraction:4.0%} {progress.sentence}", file=sys.stderr)
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        return {
            "pairs": work.result(),
            "seconds": round(seconds, 1),
            "cpu_seconds": process.submit(cpu_seconds).result(),
            "before_mb": before,
            "peak_mb": process.submit(peak_mb).result(),
        }
    finally:
        process.close()


def peak_mb() -> int:
    """Return the most memory that this process has held, in megabytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1e6 if sys.platform == "darwin" else 1e3))


def cpu_seconds() -> float:
    """Return the seconds that this process has computed, all threads together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round(used.ru_utime + used.ru_stime, 1)


def page(name: str) -> dict[str, float]:
    """Return the seconds that the page Distances takes at first and with other settings then."""
    from streamlit.testing.v1 import AppTest

    os.environ["EXPLORER_NO_WORKER"] = "1"
    app = AppTest.from_file(str(folders.PROJECT / "app.py"), default_timeout=600)
    app.query_params["set"] = name
    app.run()
    found = {}
    app.switch_page("pages/distances.py")
    for label, setting in {
        "first": {},
        "other_metric": {"metric": "l2"},
        "other_texts": {"text_axis": "semantic"},
        "other_vector": {"vector": "both"},
    }.items():
        for key, value in setting.items():
            app.segmented_control(key=key).set_value(value)
        began = time.perf_counter()
        app.run()
        found[label] = round(time.perf_counter() - began, 2)
        if app.exception or app.error:
            raise RuntimeError(str([*app.exception, *app.error]))
    return found


def main() -> None:
    """Measure and print one JSON object a width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--d", type=int, nargs="*", default=[576, 2048], help="widths of e and m")
    parser.add_argument("--contexts", type=int, default=CONTEXTS)
    arguments = parser.parse_args()
    for d in arguments.d:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EXPLORER_CACHE"] = str(Path(folder))
            name = make_set(d, arguments.contexts)
            print(json.dumps({"d": d, **measure(name), "page_seconds": page(name)}), flush=True)


if __name__ == "__main__":
    main()
