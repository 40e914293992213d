"""Everybody's texts on one wall, filling in while they train; made for a projector."""

from widgets import start, wall_view
from widgets.guard import sentences

start.through_entry()
with sentences():
    wall_view.show()
wall_view.host()
