"""One log for each role: what happened, without anybody's text, whoever writes beside it."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.base import folders
from explorer.base.errors import BadInputError, StorageError
from explorer.experiments.catalogue import experiment
from explorer.jobs import client
from explorer.runtime import logs
from explorer.specs.jobs import ExperimentSpec, GenerateSpec


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Give back what `begin` changes."""
    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before
    for handler in list(logs.log.handlers):
        logs.log.removeHandler(handler)
        handler.close()
    logs.log.setLevel(logging.NOTSET)


def text_of(role: str = "web") -> str:
    file = folders.local() / "logs" / f"{role}.log"
    return file.read_text() if file.exists() else ""


def test_a_line_says_what_is_known() -> None:
    made = logs.line("job queued", job="a1", text="", n=3, seconds=1.234, model="a b", set=None)
    assert made == 'job queued job=a1 n=3 seconds=1.23 model="a b"'
    assert "\n" not in logs.line("x", y="two\nlines")


def test_jobs_are_told_by_what_they_ask_and_not_by_their_texts() -> None:
    spec = GenerateSpec(model="a/tiny", context="My diary.", length=7)
    assert logs.facts(spec) == {"kind": "generate", "model": "a/tiny", "length": 7}
    settings = experiment("readout").make({"model": "a/tiny", "contexts": 2})
    told = logs.facts(ExperimentSpec(settings=settings, preset="minutes"))
    assert told["experiment"] == "readout" and told["model"] == "a/tiny" and told["contexts"] == 2


def test_what_the_web_process_does_is_in_its_file() -> None:
    logs.begin("web")
    job = client.submit(GenerateSpec(model="a/tiny", context="My diary.", length=7))
    client.ask(job, "stop")
    lines = text_of().splitlines()
    assert f"job queued job={job} kind=generate model=a/tiny length=7" in lines[0]
    assert f"asked of a job job={job} requested=stop" in lines[1]
    assert "diary" not in text_of()


@pytest.mark.parametrize(
    ("level", "kept"),
    [("debug", "diwe"), ("INFO", "iwe"), ("warning", "we"), ("error", "e"), ("off", "")],
)
def test_the_level_is_an_option(monkeypatch: pytest.MonkeyPatch, level: str, kept: str) -> None:
    monkeypatch.setenv("EXPLORER_LOG", level)
    logs.begin("web")
    for name in ("debug", "info", "warning", "error"):
        getattr(logs.log, name)(f"said {name[0]}")
    assert "".join(line[-1] for line in text_of().splitlines()) == kept


def test_a_level_that_there_is_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_LOG", "loud")
    logs.begin("web")
    assert 'levels="debug, info, warning, error, off"' in text_of()


def test_failures_are_told_and_only_sentences_that_quote_no_text() -> None:
    logs.begin("web")
    with pytest.raises(BadInputError), logs.told("command x", model="m"):
        raise BadInputError("The text “My diary” is empty.")
    with pytest.raises(StorageError), logs.told("command y"):
        raise StorageError("The disk is full.")
    with pytest.raises(KeyError), logs.told("command z"):
        raise KeyError("My diary")
    text = text_of()
    assert "command x began model=m" in text and "error=BadInputError" in text
    assert 'error=StorageError said="The disk is full."' in text
    assert "Traceback" in text and "test_logs.py" in text and text.endswith("KeyError\n")
    assert "diary" not in text.replace('raise KeyError("My diary")', "").replace(
        'raise BadInputError("The text “My diary” is empty.")', ""
    )


def test_a_log_is_kept_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    logs.begin("web")
    for k in range(200):
        logs.log.info("line %d", k)
    files = sorted((folders.local() / "logs").glob("web.log*"))
    assert [file.name for file in files] == ["web.log", *(f"web.log.{k}" for k in (1, 2, 3))]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert "line 199" in text_of()


WRITER = """
import sys
from explorer.runtime import logs
logs.MOST_BYTES = 3000
logs.BACKUPS = 50
logs.begin("command")
for k in range(100):
    logs.log.info(logs.line("counted", who=sys.argv[1], k=k))
"""


@pytest.mark.end_to_end
def test_several_processes_write_one_file_and_no_line_is_lost() -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(k)], cwd=folders.PROJECT)
        for k in range(3)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * 3
    files = list((folders.local() / "logs").glob("command.log*"))
    lines = [line.split(" counted ")[1] for file in files for line in file.read_text().splitlines()]
    assert len(files) > 3
    assert sorted(lines) == sorted(f"who={w} k={k}" for w in range(3) for k in range(100))


def test_a_disk_that_refuses_leaves_no_log_and_no_error(own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True, exist_ok=True)
    own_cache.write_text("a file where the folder should be")
    logs.begin("web")
    logs.log.info("nobody hears")
    assert own_cache.read_text().startswith("a file")


ENDS = """
import sys, threading
from explorer.runtime import logs
logs.begin("worker")
def fail(): raise ValueError("My diary")
thread = threading.Thread(target=fail); thread.start(); thread.join()
fail()
"""


@pytest.mark.end_to_end
def test_an_end_that_nobody_expected_is_told_without_what_it_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS], cwd=folders.PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 1 and "diary" not in done.stdout + done.stderr
    text = text_of("worker")
    assert text.count("an exception ended this process or thread") == 2
    assert text.count("ValueError") == 2 and "diary" not in text


def test_what_a_child_prints_does_not_grow_for_ever() -> None:
    first = logs.output_of("worker")
    first.write_bytes(b"x" * (logs.MOST_BYTES + 1))
    again = logs.output_of("worker")
    assert again == first and not again.exists()
    assert first.with_suffix(".log.1").stat().st_size == logs.MOST_BYTES + 1
