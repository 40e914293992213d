"""The paper's recipe as one would write it down: the yardstick that the engine is held against.

transformers' forward pass in float32, one text at a time, logits of the whole vocabulary, autograd,
`torch.optim.AdamW` with H1-H3 of the checklist. Nothing of the package is used.
"""

import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


class Reference:
    """Plain training of one pair of proto-tokens at a time, arrangement A4."""

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.model.to(self.device).requires_grad_(False)

    def step_seconds(self, target: tuple[int, ...], steps: int, seed: int = 0) -> list[float]:
        """Train for some steps; return the seconds of each."""
        torch.manual_seed(seed)
        d_model = self.model.config.hidden_size
        e = torch.nn.Parameter(torch.randn(d_model, device=self.device))
        m = torch.nn.Parameter(torch.randn(d_model, device=self.device))
        optimiser = torch.optim.AdamW([e, m], lr=0.01, betas=(0.9, 0.9), weight_decay=0.01)
        labels = torch.tensor(target, device=self.device)
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            inputs = torch.cat([e[None], m.expand(len(target), -1)])[None]
            logits = self.model(inputs_embeds=inputs).logits[0, 1:]
            loss = torch.nn.functional.cross_entropy(logits, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            _ = float((logits.argmax(-1) == labels).float().mean())
            seconds.append(time.perf_counter() - start)
        return seconds
