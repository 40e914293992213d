"""How long a text two vectors can hold, in one pass and token by token (E3, E4, E10)."""

from widgets import experiment_view

experiment_view.page("capacity")
