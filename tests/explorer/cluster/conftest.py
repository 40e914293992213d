"""The experiments' fixtures, for the tests of what spreads their cells."""

from tests.explorer.experiments.conftest import *  # noqa: F403
