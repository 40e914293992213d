"""A page opened in this process, without a browser: opened, read, and its jobs carried out."""

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from explorer.base import folders
from explorer.jobs import client
from explorer.specs.jobs import JobSpec

APP = str(folders.PROJECT / "app.py")
KINDS = ("title", "caption", "markdown", "error", "warning", "info", "text", "subheader")


def open_page(name: str | None = None, model: Path | None = None, **query: str) -> AppTest:
    """Open the app, go to a page (or stay on the first), with the parts of a link.

    Args:
        name: of the file in pages/, without its ending.
        model: a folder that is chosen as the model.
        query: what the address says.
    """
    app = AppTest.from_file(APP, default_timeout=60)
    if model is not None:
        app.session_state["model"] = "other"
        app.session_state["other_model"] = str(model)
    if name is not None:
        app.run()
        app.switch_page(f"pages/{name}.py")
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def open_numbers(app: AppTest) -> AppTest:
    """Open the numbers of every chart that the page shows, as a person would one after another."""
    for chart in app.session_state["charts-of-page"]:
        app.session_state[f"{chart}-numbers"] = True
    return app.run()


def texts_of(app: AppTest) -> str:
    """Return all that a page says, one element a line."""
    return "\n".join(str(element.value) for kind in KINDS for element in app.get(kind))


def followed(app: AppTest, job: str) -> dict[str, Any]:
    """Return what a page gives to the component that follows a job; KeyError if it does not."""
    shown = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.json]
    return {data["job"]: data for data in shown if "stamp" in data}[job]


def carry_out(spec: JobSpec) -> str:
    """Run a job in this process as the worker would; return its id."""
    from explorer.model.pool import ModelPool
    from explorer.worker.context import JobContext
    from explorer.worker.runners import run
    from tests.steps import exhaust

    job = JobContext(client.submit(spec), spec, ModelPool())
    exhaust(run(job))
    job.update(state="done")
    return job.id
