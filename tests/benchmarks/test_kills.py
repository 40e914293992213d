"""A short form of the trial of kills: one worker, one server, and two workers for a few seconds."""

import json
import subprocess
import sys

import pytest

from explorer.base import folders


@pytest.mark.trial
@pytest.mark.timeout(900)
def test_what_was_finished_outlives_a_worker_and_a_server_and_no_job_is_done_twice() -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--json"]
    done = subprocess.run(
        [*command, "--workers", "1", "--servers", "1", "--minutes", "0.2"],
        cwd=folders.PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["amiss"] == [] and done.returncode == 0
    assert found["killed"] == {"worker": 1, "server": 1}
    assert sum(found["running_when_killed"].values()) > 0
    assert found["states"] == {"done": found["jobs"]}
    assert found["shared_jobs"] > 0 and found["seen_at_work"]
