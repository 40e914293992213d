"""How long a text takes until it is exact, over N (E11)."""

from widgets import experiment_view

experiment_view.page("training-time")
