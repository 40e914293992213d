"""Who asks, and everything a page does that not everybody may do.

What reads the server's disk by its path is done for the person in front of it. Jobs and entries of
the library are changed for those whose they are, and for the host; `explorer.people.owners` has the
rule. Where only the machine itself reaches the server, everything is one person's.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from explorer.assets import allowed_folders
from explorer.base.errors import ExplorerError
from explorer.jobs import client, kept
from explorer.library import exchange, trash
from explorer.library.exchange import Arrival
from explorer.library.items import Item
from explorer.library.items import relabel as put_label
from explorer.library.trash import Deletion
from explorer.people import host, limits, owners
from explorer.people.person import ALONE, Person, recognised
from explorer.solutions import store
from explorer.specs.jobs import JobSpec
from widgets.markdown import escaped

PASSED_ON = ("forwarded", "via", "x-", "cf-", "true-client", "fly-", "fastly-", "tailscale-")
"""How the headers begin that a proxy adds; a browser sends none of them to open a page."""
BROWSER, HOST = "explorer-browser", "explorer-host"
"""Cookies: a random secret of each browser's own, and what the host's browser keeps of the key."""


def person() -> Person:
    """Return who asks: whoever logged in, or the browser; see `widgets.visitors`."""
    if is_private():
        return ALONE
    is_host = host.is_token(_cookie(HOST))
    if login := logged_in():
        return recognised(f"login:{login[0]}", is_host=is_host)
    unkept = st.session_state.setdefault(BROWSER, secrets.token_urlsafe(16))
    return recognised(_cookie(BROWSER) or unkept, is_host=is_host)


def _cookie(name: str) -> str:
    value = st.context.cookies.get(name)
    return value if isinstance(value, str) else ""  # without a browser (AppTest) it is no text


def logged_in() -> tuple[str, str] | None:
    """Return the id and the name of whoever has logged in where that is set up (`st.login`)."""
    said = st.user.to_dict()
    if not said.get("is_logged_in"):
        return None
    names = (said.get(key) for key in ("name", "preferred_username", "email"))
    return f"{said.get('iss')} {said.get('sub')}", next((str(name) for name in names if name), "")


def is_private() -> bool:
    """Return whether this page is asked for on this machine, from a server for it alone.

    The server listens on a loopback address by name (unset means every network), the browser asks
    from one, under a loopback Host and from a page of such an origin, and nothing that passes
    requests on has left its mark: to a reverse proxy on this machine every visitor looks local.
    A bare relay of bytes (`ssh -L`, `socat`) leaves none: whoever sets one up lets its users in.
    """
    headers = st.context.headers
    origin = headers.get("Origin")
    return (
        is_loopback(st.get_option("server.address"))
        and st.context.ip_address is None  # as Streamlit calls 127.0.0.1 and ::1
        and is_loopback(_host_of(f"//{headers.get('Host', '')}"))
        and (origin is None or is_loopback(_host_of(origin)))
        and not any(name.lower().startswith(PASSED_ON) for name in headers)
    )


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def is_loopback(name: str | None) -> bool:
    """Return whether a host, as addresses name it, is this machine for itself alone."""
    if name == "localhost":
        return True
    try:
        return ip_address(name or "").is_loopback
    except ValueError:
        return False


def address(page: str = "") -> str:
    """Return the address of the first page as this visitor's browser has it; empty if unknown.

    Args:
        page: name of the page that is open, in its address.
    """
    parts = urlsplit(st.context.url or "")
    if not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(page).rstrip('/')}/"


def reachable(page: str = "") -> str | None:
    """Return the same, or None if nobody on another machine could open it."""
    found = address(page)
    return found if found and not is_loopback(urlsplit(found).hostname) else None


def may_name(path: str | Path) -> bool:
    """Return whether this visitor may have this path of the server's disk read."""
    return is_private() or allowed_folders.allows(path)


def require(*names: str | None) -> None:
    """Refuse names that are paths which this visitor may not have read.

    Args:
        *names: as `allowed_folders.in_model` and `in_id` give them; None is no path.

    Raises:
        BadInputError: with the same sentence whether such a file is there or not.
    """
    if not is_private():
        allowed_folders.require(*names)


def submit(spec: JobSpec) -> str:
    """Queue a job, whose paths this visitor may name, and return its id.

    Raises:
        BadInputError: if it names a path that may not be read, or is more than one person may have.
        StorageError: if the queue cannot be written.
    """
    require(*allowed_folders.paths_in(spec))
    return limits.submit(spec, person())


def ask(job_id: str, requested: str) -> None:
    """Ask for a job of this visitor's to `run`, `pause` or `stop`; what is wrong is said."""
    with said():
        owners.require(person(), [job_id])
        if requested == "run":
            limits.require_room(client.get(job_id).spec, person(), of=job_id)
        client.ask(job_id, requested)


def resume(job_id: str) -> None:
    """Let a job of this visitor's that failed go on; what is wrong is said."""
    with said():
        owners.require(person(), [job_id])
        limits.require_room(client.get(job_id).spec, person(), of=job_id)
        kept.resume(job_id)


def is_theirs(number: str) -> bool:
    """Return whether this visitor may change a job or a result, by its id."""
    return owners.may(person(), owners.owners([number]).get(number))


@contextmanager
def said() -> Iterator[None]:
    """Show what a button cannot do in a sentence: callbacks run where no page is yet."""
    try:
        yield
    except ExplorerError as error:
        st.toast(escaped(str(error)), icon=":material/error:", duration="long")


def throw(items: Sequence[Item]) -> Deletion:
    """Move entries of this visitor's into the trash; see `trash.throw` for what else is refused."""
    owners.require(person(), [item.belongs_to for item in items])
    return trash.throw(items)


def undo(deletion: Deletion) -> None:
    """Put back what was deleted, if it is this visitor's; see `trash.undo`."""
    owners.require(person(), deletion.belongs_to)
    trash.undo(deletion.id)


def empty_trash() -> None:
    """Throw away for good what is in the trash.

    Raises:
        BadInputError: if this visitor is not the host.
        StorageError: if the disk refuses.
    """
    owners.require_host(person())
    trash.empty()


def relabel(item: Item, *, name: str, note: str, tags: Iterable[str]) -> None:
    """Name an entry of this visitor's; see `items.relabel` for what else is refused."""
    owners.require(person(), [item.belongs_to])
    put_label(item, name=name, note=note, tags=tags)


def take_in(name: str, data: bytes) -> list[Arrival]:
    """Store solutions that this visitor sends, as theirs; see `exchange.take_in`."""
    arrivals = exchange.take_in(name, data, may_name)
    for arrival in arrivals:
        if arrival.id is not None:
            owners.note(person(), store.find(arrival.id).parent.name)
    return arrivals


def request(kind: str, payload: dict[str, Any], model: str, **options: Any) -> dict[str, Any]:
    """Ask the worker a small question about a model that this visitor may name.

    Raises:
        ExplorerError: with the worker's sentence, if it does not answer, or if the model is a
            folder that may not be read.
    """
    require(allowed_folders.in_model(model))
    return client.request(kind, payload, **options)
