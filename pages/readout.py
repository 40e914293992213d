"""What a model goes on to write after the proto-tokens of a text (E12)."""

from widgets import experiment_view

experiment_view.page("readout")
