"""Inside one forward pass: how one repeated vector comes out as a whole text."""

from explorer.base.language import tr
from widgets import inside_set_up, inside_view, start
from widgets.guard import sentences

start.page(tr("Inside the one pass"))
with sentences():
    inside_set_up.ask()
with sentences():
    inside_view.result()
