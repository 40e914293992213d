"""What several tests of jobs look for."""

from pathlib import Path

from explorer.jobs import client
from explorer.solutions import store


def solutions_of(job_id: str) -> list[Path]:
    """Return the solution files of a job that is over."""
    result = client.get(job_id).result
    return [store.run_folder(job_id) / f"{name}.safetensors" for name in result["solutions"]]
