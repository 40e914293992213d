"""Whether texts can share e or m (E2, table 2)."""

from widgets import experiment_view

experiment_view.page("sharing")
