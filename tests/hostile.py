"""A library in which every word that a person, a model or a file gave is hostile."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.base.files import write_atomically
from explorer.experiments import runs
from explorer.geometry import set_reports
from explorer.inside.result import FILE as INSIDE
from explorer.inside.result import Inside
from explorer.jobs import client
from explorer.landscape.result import Landscape
from explorer.library import items
from explorer.paths import places
from explorer.paths.result import FILE, Paths
from explorer.people import owners, wall
from explorer.people.person import ALONE, MOST_LETTERS, recognised, rename
from explorer.solutions import sets, store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import Solution, load, save_solution
from explorer.specs.jobs import (
    DownloadSpec,
    InsideSpec,
    LandscapeSpec,
    PathsSpec,
    RadiusSpec,
    ReconstructSpec,
)
from explorer.specs.recipes import FAST

WORDS = (
    "![x](http://evil.test/a.png)",
    "<img src=http://evil.test/b.png>",
    "<a href='http://evil.test/'>evil</a>",
    "$evil^2$",
    ":red[evil]",
    ":material/evil:",
    ":smile:",
    "[evil](http://evil.test/c)",
    "**evil**",
    "`evil`",
    "http://evil.test/d",
    "www.evil.test",
    "a@evil.test",
    "&copy;",
)
HOSTILE = " ".join(WORDS)
NAME = "![x](evil) <b> $evil$ :red[evil]"
"""What a file or a folder can be called."""


def _set_words(value: Any, fields: tuple[str, ...]) -> Any:
    """Put the hostile words into every field of some names, however deep."""
    if isinstance(value, dict):
        return {
            key: f"{HOSTILE} {part}"
            if key in fields and isinstance(part, str)
            else _set_words(part, fields)
            for key, part in value.items()
        }
    return [_set_words(part, fields) for part in value] if isinstance(value, list) else value


def _hostile_solution(path: Path, to: Path, end: str) -> str:
    found = load(path)
    assert isinstance(found, Solution)
    said = {
        "id": f"{found.record.id[:12]}-{end}",
        "text": HOSTILE,
        "title": HOSTILE,
        "model": HOSTILE,
        "source": HOSTILE[:80],
        "device": HOSTILE[:80],
        "reason": HOSTILE,
        "job": None,
    }
    record = type(found.record).model_validate(found.record.model_dump() | said)
    save_solution(
        Solution(found.e, found.m, found.target_ids, record), to / f"{record.id}.safetensors"
    )
    return record.id


def _job(spec: Any, job: str | None = None, **columns: Any) -> str:
    made = client.submit(spec)
    with transaction() as session:
        row = session.get(JobRow, made)
        assert row is not None
        for name, value in columns.items():
            setattr(row, name, value)
        if job is not None:
            row.id = job
    return job or made


def fill() -> dict[str, str]:
    """Fill the cache; return what can be opened, by what a link calls it."""
    recorded = folders.recorded()
    local = folders.local()
    links: dict[str, str] = {}

    shipped = store.shipped_runs()[0]
    run = folders.make(local / "solutions" / NAME)
    recording = Recording.load(shipped / store.RECORDING)
    pieces = dict.fromkeys(recording.header.pieces, HOSTILE)
    header = recording.header.model_copy(
        update={"title": HOSTILE, "model": HOSTILE, "pieces": pieces}
    )
    Recording(header, recording.frames).save(run / store.RECORDING)
    files = sorted(shipped.glob("*-*.safetensors"))
    ids = [_hostile_solution(file, run, "e0000001") for file in files]
    race = {
        "tokens": 3,
        "one_forward_seconds": 1.0,
        "autoregressive_seconds": 2.0,
        "one_forward_text": HOSTILE,
        "autoregressive_text": HOSTILE,
        "device": HOSTILE[:80],
    }
    write_atomically(run / store.RACE, json.dumps(race).encode())
    write_atomically(run / f"{NAME}.safetensors", b"broken")
    links["solution"] = ids[0]
    for kind in ("solution", "run"):
        for item in items.items(kind)[:8]:  # type: ignore[arg-type]
            if not item.ships and not item.problem:
                items.relabel(item, name=HOSTILE[:120], note=HOSTILE, tags=[HOSTILE[:40]])

    source = recorded / "sets" / "9fc05a49eeb4"
    name = "eeeeeeeeeeee"
    folder = folders.make(local / "sets" / name)
    said = json.loads((source / sets.SET_FILE).read_bytes())
    said = _set_words(said, ("title", "text", "model", "reason", "device"))
    for member in said["members"]:
        member["solution"] = _hostile_solution(source / member["file"], folder, "e0000002")
        member["file"] = f"{member['solution']}.safetensors"
    said["id"] = links["set"] = name
    write_atomically(folder / sets.SET_FILE, json.dumps(said).encode())
    write_atomically(local / "sets" / NAME / sets.SET_FILE, b"{")
    old, new = (set_reports.key(sets.load(f)) for f in (source, folder))
    report = json.loads((recorded / "analyses" / f"distances-{old}.json").read_bytes())
    report |= {"tfidf_corpus": HOSTILE, "notes": [HOSTILE]}
    write_atomically(local / "analyses" / f"distances-{new}.json", json.dumps(report).encode())
    pairs = pd.read_parquet(recorded / "analyses" / f"distances-{old}.parquet")
    for side in ("a", "b"):
        pairs[side] = pairs[side].str[:12] + "-e0000002"
    pairs.to_parquet(local / "analyses" / f"distances-{new}.parquet")

    paths = Paths.load(next(recorded.rglob(f"*{FILE}")))
    hostile = _set_words(paths.header.model_dump(mode="json"), ("text", "title", "id", "model"))
    hostile["pieces"] = dict.fromkeys(paths.header.pieces, HOSTILE)
    links["paths"] = _job(PathsSpec(pairs=(("a", "b"),)), state="done")
    made = Paths(**(vars(paths) | {"header": type(paths.header).model_validate(hostile)}))
    made.save(places.folder_of(links["paths"]) / FILE)
    write_atomically(local / "paths" / NAME / FILE, b"broken")

    plane = Landscape.load(next(recorded.rglob(f"*{places.LANDSCAPE}")))
    hostile = _set_words(plane.header.model_dump(mode="json"), ("text", "title", "id", "model"))
    hostile["pieces"] = dict.fromkeys(plane.header.pieces, HOSTILE)
    links["landscape"] = _job(LandscapeSpec(paths=NAME), state="done")
    measured = Landscape(**(vars(plane) | {"header": type(plane.header).model_validate(hostile)}))
    measured.save(places.folder_of(links["landscape"]) / places.LANDSCAPE)

    look = Inside.load(next((recorded / "inside").rglob(f"*{INSIDE}")))
    words = ("text", "title", "id", "model", "solution", "start", "question")
    hostile = _set_words(look.header.model_dump(mode="json"), words)
    hostile |= {"pieces": dict.fromkeys(look.header.pieces, HOSTILE), "notices": [HOSTILE]}
    links["inside"] = _job(InsideSpec(solution=NAME), state="done")
    opened = replace(look, header=type(look.header).model_validate(hostile))
    opened.save(places.folder_of(links["inside"]) / INSIDE)

    for number, source in enumerate(sorted((recorded / "experiments").iterdir())):
        folder = Path(shutil.copytree(source, local / "experiments" / f"e{number}{'0' * 10}"))
        said = json.loads((folder / runs.HEADER_FILE).read_bytes())
        said |= {"id": folder.name, "device": HOSTILE, "preset": HOSTILE}
        said["settings"]["model"] = HOSTILE
        write_atomically(folder / runs.HEADER_FILE, json.dumps(said).encode())
        lines = (folder / runs.CELLS_FILE).read_text().splitlines()
        texts = ("first_half", "second_half", "context_text", "title", "said", "continuation")
        hostile_lines = [json.dumps(_set_words(json.loads(line), texts)) for line in lines]
        write_atomically(folder / runs.CELLS_FILE, "\n".join([*hostile_lines, ""]).encode())
    write_atomically(local / "experiments" / NAME / runs.HEADER_FILE, b"{")

    spec = ReconstructSpec(
        model=HOSTILE, text=HOSTILE, length=3, arrangement="e+mN", recipe=FAST, restarts=2,
        title=HOSTILE[:300], source=HOSTILE,
    )  # fmt: skip
    notices = json.dumps([HOSTILE])
    links["failed"] = _job(spec, state="failed", error=HOSTILE, notices=notices, sentence=HOSTILE)
    links["running"] = _job(spec, state="running", sentence=HOSTILE, notices=notices)
    somebody = recognised("somebody")
    rename(somebody, HOSTILE[:MOST_LETTERS])
    owners.note(somebody, links["running"])
    wall.hide(ALONE, [links["running"]])
    links["radius"] = _job(RadiusSpec(solution="a"), state="failed", error=HOSTILE)
    links["failed paths"] = _job(
        PathsSpec(pairs=(("a", "b"),)), state="failed", error=HOSTILE, notices=notices
    )
    _job(DownloadSpec(model="smollm2-135m"), state="failed", error=HOSTILE)
    return links
