"""Who asks: what reads the server's disk by its path is done for the person in front of it."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from explorer.assets import allowed_folders
from explorer.jobs import client
from explorer.specs.jobs import JobSpec

PASSED_ON = ("forwarded", "via", "x-", "cf-", "true-client", "fly-", "fastly-", "tailscale-")
"""How the headers begin that a proxy adds; a browser sends none of them to open a page."""


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
        _is_loopback(st.get_option("server.address"))
        and st.context.ip_address is None  # as Streamlit calls 127.0.0.1 and ::1
        and _is_loopback(_host_of(f"//{headers.get('Host', '')}"))
        and (origin is None or _is_loopback(_host_of(origin)))
        and not any(name.lower().startswith(PASSED_ON) for name in headers)
    )


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


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
        BadInputError: if it names a path that may not be read.
        StorageError: if the queue cannot be written.
    """
    require(*allowed_folders.paths_in(spec))
    return client.submit(spec)


def request(kind: str, payload: dict[str, Any], model: str, **options: Any) -> dict[str, Any]:
    """Ask the worker a small question about a model that this visitor may name.

    Raises:
        ExplorerError: with the worker's sentence, if it does not answer, or if the model is a
            folder that may not be read.
    """
    require(allowed_folders.in_model(model))
    return client.request(kind, payload, **options)
