"""A training on a device that no machine has, where reading a number back is an error.

Run as a program, because a device that is registered stays: prints what was found wrong, by name.

torch's fake tensors have a shape, a format and a device, and no numbers. An operation that mixes
devices fails as it would on a GPU, and so does whatever has to wait for its numbers: `.item()`,
`.tolist()`, `.cpu()`, a shape that depends on them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from explorer.model import families
from explorer.model.frozen import FrozenModel
from explorer.model.head import Head
from explorer.specs.recipes import PAPER
from explorer.training import Row, Trainer
from tests.explorer.model.networks import PLAIN, loss_and_gradient, network

_setup_privateuseone_for_python_backend("elsewhere")
ELSEWHERE = torch.device("elsewhere:0")
MODE = FakeTensorMode(allow_non_fake_inputs=True)
MODE.fake_tensor_converter.invalidate_constant_aliases = lambda _: None  # nothing there has numbers


@torch.library.impl("aten::empty_strided", "PrivateUse1")
def empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    """Make room there: what torch does to index by a list of numbers that is here."""
    with torch.utils._python_dispatch._disable_current_modes():
        room = torch.empty_strided(size, stride, dtype=dtype, device="meta")
    return FakeTensor(MODE, room, ELSEWHERE)


@torch.library.impl("aten::_copy_from", "PrivateUse1")
def copy_from(source: Tensor, there: Tensor, non_blocking: bool = False) -> Tensor:
    """Take those numbers there."""
    assert there.device == ELSEWHERE, "a tensor was copied back"
    return there


class NoWayBack(TorchDispatchMode):
    """Let no tensor be copied from there to the processor's memory."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_):
            source = args[0] if func._overloadpacket is torch.ops.aten._to_copy else args[1]
            assert source.device != ELSEWHERE or out.device == ELSEWHERE, "a tensor was copied back"
        return out


def moved(tensor: Tensor) -> Tensor:
    """Return a tensor without numbers on the device that no machine has."""
    return FakeTensor(MODE, tensor.detach().to("meta"), ELSEWHERE)


def move_all(thing: Any) -> None:
    """Move every tensor that an object holds, and that those it holds do."""
    for name, value in vars(thing).items():
        if isinstance(value, Tensor):
            setattr(thing, name, moved(value))
        elif isinstance(value, list) and value and isinstance(value[0], Tensor):
            setattr(thing, name, [moved(each) for each in value])


def model_of(family: str, *, here: bool = False) -> FrozenModel:
    """Return a random model of a family, there or here."""
    plain = network(family)
    if not here:
        for module in plain.modules():
            for held in (module._parameters, module._buffers):
                for name, tensor in held.items():
                    if tensor is not None:
                        there = moved(tensor)
                        held[name] = (
                            nn.Parameter(there, requires_grad=False)
                            if held is module._parameters
                            else there
                        )
    matrix = plain.get_output_embeddings()
    with torch.no_grad():
        return FrozenModel(
            name=family,
            folder=None,  # type: ignore[arg-type]
            fingerprint="",
            tokenizer=None,  # type: ignore[arg-type]
            network=plain,
            device=torch.device("cpu") if here else ELSEWHERE,
            dtype=torch.float32,
            head=Head(matrix.weight, matrix.bias),
            body=families.body_of(plain),
            embedding_mean=torch.zeros(plain.config.hidden_size),
            embedding_std=1.0,
        )


def passes(family: str, dtype: torch.dtype) -> None:
    """Measure with and without a gradient, and go on from a cache."""
    with MODE, NoWayBack():
        model = replace(model_of(family), dtype=dtype)
        inputs = moved(torch.zeros(3, 9, model.d_model))
        targets = moved(torch.zeros(3, 8, dtype=torch.long))
        measured, gradient = loss_and_gradient(model, inputs, targets, 1, detail=True)
        assert {gradient.device, measured.loss.device, measured.rank.device} == {ELSEWHERE}  # type: ignore[union-attr]
        model.measure(inputs, targets, 1)
        _, past = model.go_on(inputs[:1])
        logits, _ = model.go_on(inputs[:1, :1], past)
        assert logits.device == ELSEWHERE


@contextmanager
def notes(trainer: Trainer) -> Iterator[list[int]]:
    """Say what is measured, of as many rows as are noted, in place of reading it back."""
    noted: list[int] = []

    def note(rows: list[int], measured: Any) -> None:
        assert measured.loss.device == measured.margin.device == ELSEWHERE
        noted.append(len(rows))
        for i in rows:
            state = trainer._state.rows[i]
            state.loss, state.accuracy, state.margin = 1.0, 0.5, -1.0

    trainer._state.note = note  # type: ignore[method-assign]
    yield noted


def step(family: str) -> None:
    """Train three rows of two lengths: one look back at the numbers for each length."""
    rows = [Row((5, 6, 7), 0), Row((8, 9, 10), 1), Row((3, 4), 2)]
    trainer = Trainer(model_of(family, here=True), rows, "e+mN", PAPER)
    trainer.step()
    trainer.model = model_of(family)
    for thing in (trainer, trainer._state, trainer._state.optimiser):
        move_all(thing)
    with MODE, NoWayBack(), notes(trainer) as noted:
        trainer.step()
    assert noted == [2, 1], noted
    assert trainer._state.vectors.device == ELSEWHERE


def wrong(work: Callable[..., Any], *given: Any) -> str | None:
    """Return what went wrong, None if nothing did."""
    try:
        work(*given)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


def mixes() -> None:
    """Mix devices: must fail."""
    with MODE:
        moved(torch.zeros(2)) + torch.zeros(2)


def reads_back(how: str) -> None:
    """Read a number back: must fail."""
    with MODE, NoWayBack():
        tensor = moved(torch.zeros(2))
        {
            "item": tensor.amax().item,
            "list": tensor.tolist,
            "where": tensor.nonzero,
            "copy": tensor.cpu,
        }[how]()


def main() -> None:
    """Try everything, and print what was wrong."""
    found = {
        f"passes, {f}, {d}": wrong(passes, f, d)
        for f in PLAIN
        for d in (torch.float32, torch.bfloat16)
    }
    found |= {f"step, {family}": wrong(step, family) for family in PLAIN}
    found |= {f"caught, {how}": wrong(reads_back, how) for how in ("item", "list", "where", "copy")}
    found["caught, mixed"] = wrong(mixes)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
