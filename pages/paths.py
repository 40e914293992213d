"""Two solutions of one text: the straight line between them fails, a trained curve can hold."""

from pathlib import Path

from explorer.assets import allowed_folders
from explorer.base.language import tr
from explorer.paths import places
from widgets import linked, path_set_up, path_view, server, slow_start, start
from widgets.guard import sentences


def set_up() -> None:
    """Ask what to connect and with which curve, and connect it when asked."""
    spec = path_set_up.choose()
    pressed = slow_start.button(
        path_set_up.expected(spec),
        "connect",
        label=tr("Connect"),
        icon=":material/timeline:",
        quicker=tr("Fewer pairs or fewer steps are quicker."),
    )
    if pressed and spec is not None:
        linked.start(spec)


def result() -> None:
    """Show what the link names: a job, or else paths that ship with the project."""
    linked.show(
        path_view.PATHS,
        {"record": _find},
        places.PATHS.shipped(),
        button=tr("Connect"),
        empty=tr("Choose two solutions and press Connect."),
        choose=lambda files: (files[0], f"?record={files[0].parent.name}"),
    )


def _find(name: str) -> Path:
    server.require(allowed_folders.in_id(name))
    return places.find_paths(name)


start.page(tr("From one solution to another"))
left, right = start.sides()
with left, sentences():
    set_up()
with right, sentences():
    result()
