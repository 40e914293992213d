"""One forward pass against generation token by token (E5)."""

from widgets import experiment_view

experiment_view.page("throughput")
