"""What a link names on a page: a job, else a record, else what ships with the project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.specs.jobs import JobSpec
from widgets import recorded, server
from widgets.job_controls import outcome

NAMES = ("job", "radius", "solution", "record", "run", "paths", "pair", "a", "b")
"""Parameters of a link that name what is to be shown, or what is to be chosen for it."""


def start(spec: JobSpec, parameter: str = "job") -> None:
    """Queue a job, and let the page's link lead to it and to nothing that it led to before."""
    job = server.submit(spec)
    for name in NAMES:
        st.query_params.pop(name, None)
    st.query_params[parameter] = job


@dataclass(frozen=True)
class Kind:
    """One kind of result and how a page shows it.

    Attributes:
        belongs: whether a job makes this kind.
        live: shows a job under way, by its id.
        made: where the result of a job lies, None while there is none; the job is None if it was
            deleted and only its result may be left.
        show: shows a result: where it lies, a key for its widgets, the link that leads back to it.
        nothing: what is said of a job that has made none.
        parameter: name of the link's parameter that holds a job's id.
    """

    belongs: Callable[[JobSpec], bool]
    live: Callable[[str], None]
    made: Callable[[str, Job | None], Path | None]
    show: Callable[[Path, str, str], None]
    nothing: str
    parameter: str = "job"

    def show_job(self) -> bool:
        """Show the job that the link names, under way or what came of it; False: it names none.

        Raises:
            BadInputError: if there is neither such a job nor a result of one.
        """
        job_id = st.query_params.get(self.parameter)
        if not job_id:
            return False
        job = self._job(job_id)
        if job is not None and not self.belongs(job.spec):
            st.info(tr("This link leads to a job of another page."))
        elif job is not None and not job.over:
            self.live(job_id)
        else:
            if job is not None:
                outcome(job)
            if (place := self.made(job_id, job)) is not None:
                self.show(place, job_id, f"?{self.parameter}={job_id}")
            elif job is not None and not job.error:
                st.info(tr(self.nothing))
        return True

    def _job(self, job_id: str) -> Job | None:
        try:
            return client.get(job_id)
        except BadInputError:
            if job_id.isalnum() and len(job_id) <= 64 and self.made(job_id, None) is not None:
                return None
            raise


def in_folder(
    folder_of: Callable[[str], Path], name: str
) -> Callable[[str, Job | None], Path | None]:
    """Return a `Kind.made` that finds a result by its file's name in the job's folder."""

    def made(job_id: str, _job: Job | None) -> Path | None:
        file = folder_of(job_id) / name
        return file if file.is_file() else None

    return made


def show(
    kind: Kind,
    records: Mapping[str, Callable[[str], Path]],
    shipped: list[Path],
    *,
    button: str,
    empty: str,
    choose: Callable[[list[Path]], tuple[Path, str]] = lambda files: (files[0], ""),
) -> None:
    """Show what the link names, or else a result that ships with the project.

    Args:
        kind: of the page.
        records: parameters by which a link can name a result, and what finds it by such a name.
        shipped: results that ship with the project.
        button: what makes an own one.
        empty: what is said where there is nothing to show.
        choose: lets a person choose among those that ship; returns it and the link that leads back.
    """
    if kind.show_job():
        return
    for parameter, find in records.items():
        if name := st.query_params.get(parameter):
            place = find(name)
            if place in shipped or place.parent in shipped:
                recorded.say(button)
            kind.show(place, f"{parameter}-{name}", f"?{parameter}={name}")
            return
    if not shipped:
        st.info(empty)
        return
    recorded.say(button)
    place, query = choose(shipped)
    name = place.name if place.is_dir() else place.parent.name
    kind.show(place, f"recorded-{name}", query)
