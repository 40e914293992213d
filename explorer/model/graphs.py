"""Passes captured as CUDA graphs: one launch for what takes some thousand small kernels.

On a GPU the steps of a small model wait for kernels to be launched, not for their sums. What one
pass does on the device depends on the shapes of its batches alone, so for each that comes back a
graph is captured, and replayed on new numbers. Whether that pays, `python -m benchmarks.engine
--device cuda` says; `EXPLORER_CUDA_GRAPHS=1` switches it on.
"""

import logging
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from explorer.runtime import logs
from explorer.runtime.interruption import unbroken

_LOG = logging.getLogger(__name__)

SWITCH = "EXPLORER_CUDA_GRAPHS"
AFTER = 4
"""Passes of a shape that run as they are before it is captured, which takes as long as a few."""
KEEP = 8
"""Graphs that are held; each holds the numbers in between of one pass."""

Results = list[list[Tensor | None]]
Work = Callable[[Sequence[Tensor]], Results]
Capture = Callable[[Callable[[], Results]], tuple[Callable[[], None], Results]]


def switched_on(switch: str, device: torch.device) -> bool:
    """Return whether an environment variable asks for what only CUDA devices can do."""
    return device.type == "cuda" and os.environ.get(switch, "") not in ("", "0")


def capture(work: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
    """Capture work on the current GPU; return what replays it, and where its results then stand."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        work()  # what libraries set up at their first call must not be captured
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = work()
    return graph.replay, results


@dataclass
class Graphs:
    """Work on tensors, captured for each of its shapes once it comes back.

    Attributes:
        capture: as the function of that name.
    """

    capture: Capture = capture
    _seen: Counter[Hashable] = field(default_factory=Counter)
    _held: OrderedDict[Hashable, tuple[list[Tensor], Callable[[], None], Results]] = field(
        default_factory=OrderedDict
    )

    def run(self, work: Work, given: Sequence[Tensor], also: Hashable) -> Results:
        """Return what `work` makes of the tensors, by a graph if there is one.

        Args:
            work: computes on the device alone.
            given: what changes from call to call; their shapes decide what is done.
            also: what else does.
        """
        key = (also, *((tuple(t.shape), t.dtype) for t in given))
        self._seen[key] += 1
        if key not in self._held and self._seen[key] == AFTER + 1:
            self._add(key, work, given)
        if key not in self._held:
            return work(given)
        self._held.move_to_end(key)
        own, replay, results = self._held[key]
        for mine, new in zip(own, given, strict=True):
            mine.copy_(new)
        replay()
        return [  # copies: the next replay writes where they stand
            [None if tensor is None else tensor.clone() for tensor in part] for part in results
        ]

    def _add(self, key: Hashable, work: Work, given: Sequence[Tensor]) -> None:
        own = [tensor.clone() for tensor in given]
        there = torch.cuda.device(own[0].device) if own[0].is_cuda else nullcontext()
        try:
            with unbroken(), there:  # a capture is of the current GPU, by default the first
                self._held[key] = (own, *self.capture(lambda: work(own)))
        except RuntimeError as error:  # something in it waits for the GPU: it goes on as it was
            _LOG.info(logs.line("a pass could not be captured", error=str(error)[:200]))
        while len(self._held) > KEEP:
            self._held.popitem(last=False)
