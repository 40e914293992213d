"""Which arrangement of e and m can hold a text (E1, table 1)."""

from widgets import experiment_view

experiment_view.page("arrangements")
