"""e against m: what each of the two vectors carries, over a set."""

from explorer.base.language import tr
from widgets import roles_view, sets, start
from widgets.guard import sentences

start.page(tr("e against m"))
with sentences():
    chosen = sets.choose()
    if chosen is not None:
        roles_view.show(sets.read(chosen))
