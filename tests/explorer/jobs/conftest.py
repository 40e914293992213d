"""The fixtures of the worker's tests: a queue is tested with a worker that is driven by hand."""

from tests.explorer.worker.conftest import *  # noqa: F403
