"""The models a process holds: loaded once, shared by every job, let go when memory is short."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import torch

from explorer.assets import catalog, memory
from explorer.assets.fingerprint import matches
from explorer.base.errors import CorruptFileError, ModelError
from explorer.base.language import later, tr
from explorer.model.frozen import (
    FrozenModel,
    best_device,
    fast_dtype,
    is_out_of_memory,
    memory_free,
)
from explorer.model.loading import load
from explorer.runtime.process import give_memory_back
from explorer.solutions.solution import Solution

FULL = later(
    "There is no room in memory for {model} now. Choose a smaller model, or close other programs."
)


class ModelPool:
    """Frozen models by folder and number format, the least recently used let go first."""

    def __init__(
        self,
        device: torch.device | None = None,
        keep: int = 4,
        fast: torch.dtype | None = None,
    ) -> None:
        """Hold nothing yet.

        Args:
            device: of all of them; None: the best of this machine.
            keep: how many are held at most.
            fast: format of a search whose recipe leaves it open; None: what is fast here.
        """
        self.device = device or best_device()
        self.keep, self.fast = keep, fast
        self._held: OrderedDict[tuple[Path, torch.dtype], FrozenModel] = OrderedDict()
        self._in_use = WeakValueDictionary[tuple[Path, torch.dtype], FrozenModel]()

    def get(self, folder: Path, name: str, dtype: torch.dtype) -> FrozenModel:
        """Return the model, loading it if it is not held.

        Raises:
            ModelError: if it is broken, or too large even with every other model let go.
        """
        key = (folder.resolve(), dtype)
        if dtype == torch.float32 and key not in self._held:
            fast = self._held.get((folder.resolve(), torch.bfloat16))
            shared = fast.in_float32() if fast is not None else None
            if shared is not None:
                self._held.move_to_end((folder.resolve(), torch.bfloat16))
                return shared
        if key not in self._held:
            if (model := self._in_use.get(key)) is None:
                model = self._load(folder, name, dtype)
                give_memory_back()  # what loading took besides the weights
            self._held[key] = self._in_use[key] = model
            while len(self._held) > self.keep:
                self._drop_oldest()
        self._held.move_to_end(key)
        return self._held[key]

    def searching(self, folder: Path, name: str, precision: str = "auto") -> FrozenModel:
        """Return the model that a search runs on: for `auto`, in what is fast on this device.

        Args:
            folder: of the model.
            name: the model's, as `--model` takes it.
            precision: the recipe's.

        Raises:
            ModelError: as `get`.
        """
        fixed = self.fast if precision == "auto" else None
        return self.get(folder, name, fixed or fast_dtype(self.device, precision))

    def confirming(self, folder: Path, name: str, precision: str = "auto") -> FrozenModel:
        """Return the model that results are confirmed on: in float32, where that fits.

        Otherwise what `searching` returns. Texts that become targets are sampled on it too: in
        float32 a seed gives the same text on most machines, in another format it does not.

        Raises:
            ModelError: as `get`.
        """
        model = self.searching(folder, name, precision)
        return self.get(folder, name, torch.float32) if self.can_confirm(folder) else model

    def in_float32(self, folder: Path, name: str) -> Callable[[], FrozenModel] | None:
        """Return what loads the model in float32 once somebody needs it; None: it does not fit.

        Where it does not fit any more by then, it is what `searching` returns.
        """
        if not self.can_confirm(folder):
            return None

        def needed() -> FrozenModel:
            try:
                return self.get(folder, name, torch.float32)
            except ModelError as error:
                if not is_out_of_memory(error.__cause__) and self._fits(folder, 4):
                    raise
                return self.searching(folder, name)

        return needed

    def of_weights(self, name: str, fingerprint: str, precision: str = "float32") -> FrozenModel:
        """Return the model that a solution was trained on.

        Args:
            name: the model's, as the solution's record has it.
            fingerprint: of the weights it was trained on.
            precision: number format to run in, as recipes name them.

        Raises:
            MissingAssetError: if it is not on this disk.
            ModelError: if it cannot be loaded, or has other weights.
        """
        folder, name = catalog.require(name)
        model = self.searching(folder, name, precision)
        if model.fingerprint != fingerprint and not matches(folder, fingerprint):
            raise ModelError(
                tr(
                    "This was trained on other weights than the model on this disk "
                    "(fingerprint {fingerprint} against {here}). Bring that model, "
                    "or train again with this one.",
                    fingerprint=fingerprint[:8],
                    here=model.fingerprint[:8],
                )
            )
        return model

    def of_solution(self, solution: Solution, precision: str = "float32") -> FrozenModel:
        """Return the model that a solution was trained on.

        Raises:
            CorruptFileError: if the target has tokens that this model does not know.
            MissingAssetError, ModelError: as `of_weights`.
        """
        record = solution.record
        model = self.of_weights(record.model, record.fingerprint, precision)
        largest = int(solution.target_ids.max())
        if largest >= model.vocabulary:
            raise CorruptFileError(
                tr(
                    "The solution {id} was changed: it names token {largest}, and {model} "
                    "knows {vocabulary}. Fetch it again.",
                    id=record.id,
                    largest=largest,
                    model=record.model,
                    vocabulary=model.vocabulary,
                )
            )
        return model

    def holds(self, folder: Path, dtype: torch.dtype) -> bool:
        """Whether a model is in memory already."""
        return (folder.resolve(), dtype) in self._held

    def can_confirm(self, folder: Path) -> bool:
        """Whether the model fits in float32, so that results can be confirmed there."""
        fast = self._held.get((folder.resolve(), torch.bfloat16))
        if self.holds(folder, torch.float32) or (fast is not None and fast.in_float32()):
            return True
        return self._fits(folder, bytes_per_parameter=4)

    def _fits(self, folder: Path, bytes_per_parameter: int) -> bool:
        """Whether a model fits into this machine's memory, and into that of the GPU it runs on."""
        card = catalog.check(folder)
        if not memory.fits(card, bytes_per_parameter):
            return False
        weights = (card.parameters or 0) * bytes_per_parameter
        return self.device.type != "cuda" or weights <= memory_free(self.device)

    def _load(self, folder: Path, name: str, dtype: torch.dtype) -> FrozenModel:
        while True:
            try:
                return load(folder, name, dtype=dtype, device=self.device)
            except (ModelError, RuntimeError) as error:
                full = is_out_of_memory(error) or is_out_of_memory(error.__cause__)
                if not (self._held and (full or not self._fits(folder, dtype.itemsize))):
                    if is_out_of_memory(error):
                        raise ModelError(tr(FULL, model=name)) from error
                    raise
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Let the model go that was not needed for longest; whoever computes on it keeps it."""
        self._held.popitem(last=False)
        give_memory_back()
