"""The embedded model from a shell: train, save, and check the files without this package."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from explorer.base import folders

pytestmark = pytest.mark.embedded


@pytest.mark.timeout(900)
def test_reconstruct_reaches_exact_and_plain_transformers_agrees(
    embedded_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "explorer", "reconstruct", "--json", "--out", str(tmp_path)]
    text = "The lighthouse keeper counted the ships that passed each night."
    ran = subprocess.run(
        [*command, "--text", text, "--length", "10", "--restarts", "3"],
        capture_output=True,
        text=True,
        cwd=folders.PROJECT,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [s["seed"] for s in told["solutions"]] == [0, 1, 2]
    model = AutoModelForCausalLM.from_pretrained(told["model_path"], dtype=torch.float32).eval()
    embeddings = model.get_input_embeddings().weight.detach().numpy()
    for solution in told["solutions"]:
        with safe_open(solution["path"], framework="numpy") as file:
            e, m, ids = (file.get_tensor(name) for name in ("e", "m", "target_ids"))
            record = json.loads(file.metadata()["solution"])
        sink = embeddings[record["sink"]]
        mixed = [m if (i & i >> 1).bit_count() % 2 else e for i in range(2, len(ids) + 2)]
        inputs = torch.from_numpy(np.stack([sink, *mixed]))[None]
        with torch.no_grad():
            said = model(inputs_embeds=inputs).logits[0, 1:].argmax(-1).numpy()
        assert record["arrangement"] == "sink+mixed"  # what a probe found to be quickest
        assert (said == ids).mean() == solution["accuracy"]
        assert ("reason" in solution) == (not solution["exact"])
    assert any(s["exact"] for s in told["solutions"])
