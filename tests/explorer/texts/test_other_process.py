import json
import subprocess
import sys
from pathlib import Path

import pytest

from explorer import texts


@pytest.mark.end_to_end
def test_another_process_draws_the_same_without_torch(folder: Path) -> None:
    specs: list[texts.TextSpec] = [
        texts.UnseenSpec(seed=5),
        texts.RandomSpec(seed=5),
        texts.CorpusSpec(seed=5, path=folder),
    ]
    code = (
        "import sys, json\n"
        "from explorer import texts\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps(texts.draw(texts.make_spec(**json.loads(line))).text))\n"
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
    assert [json.loads(text) for text in drawn] == [texts.draw(spec).text for spec in specs]
    assert torch == "False"
