import json
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.specs.texts import CorpusSpec, RandomSpec, TextSpec, UnseenSpec
from explorer.texts.drawing import draw


@pytest.mark.end_to_end
def test_another_process_draws_the_same_without_torch(folder: Path) -> None:
    specs: list[TextSpec] = [
        UnseenSpec(seed=5),
        RandomSpec(seed=5),
        CorpusSpec(seed=5, path=folder),
    ]
    code = (
        "import sys, json\n"
        "from explorer.specs.texts import make_spec\n"
        "from explorer.texts.drawing import draw\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps(draw(make_spec(**json.loads(line))).text))\n"
        "print('torch' in sys.modules)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(spec.model_dump_json() for spec in specs),
        capture_output=True,
        text=True,
        check=True,
    )
    *drawn, torch = shown.stdout.splitlines()
    assert [json.loads(text) for text in drawn] == [draw(spec).text for spec in specs]
    assert torch == "False"
