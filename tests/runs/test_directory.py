"""A directory of results belongs to one configuration and is never half written."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.errors import RunError
from attnprobe.runs import directory as directory_module
from attnprobe.runs.directory import RunDirectory, check_place, default_place
from attnprobe.runs.manifest import Manifest

FILES = {"rows.parquet": b"rows", "summary.json": b"{}"}


def manifest(**configuration: object) -> Manifest:
    return Manifest(
        command="patch",
        configuration={"seed": 0, "model": {"name": "zoo:demo", "revision": "a"}, **configuration},  # type: ignore[dict-item]
        environment={},
    )


def state(path: Path) -> str:
    return json.loads((path / "manifest.json").read_text())["state"]


def test_a_run_leaves_its_files_and_a_manifest_that_vouches_for_them(tmp_path: Path) -> None:
    place = tmp_path / "runs" / "one"
    with RunDirectory.claim(place, manifest()) as run:
        assert state(place) == "running"
        written = run.finish(FILES)

    record = json.loads((place / "manifest.json").read_text())
    assert [path.name for path in written] == ["rows.parquet", "summary.json", "manifest.json"]
    assert record["state"] == "finished"
    assert record["finished"] >= record["started"]
    # printf '{}' | sha256sum
    assert record["files"]["summary.json"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert sorted(os.listdir(place)) == ["manifest.json", "rows.parquet", "summary.json"]


def test_the_same_configuration_may_run_again_and_vouches_for_old_results_until_it_has_new_ones(tmp_path: Path) -> None:
    RunDirectory.claim(tmp_path, manifest()).finish(FILES)
    again = RunDirectory.claim(tmp_path, manifest())

    assert state(tmp_path) == "finished"
    again.finish({**FILES, "summary.json": b"{ }"})
    assert (tmp_path / "summary.json").read_bytes() == b"{ }"


def test_a_failure_of_a_second_run_takes_nothing_away(tmp_path: Path) -> None:
    RunDirectory.claim(tmp_path, manifest()).finish(FILES)
    with pytest.raises(ZeroDivisionError), RunDirectory.claim(tmp_path, manifest()):
        raise ZeroDivisionError

    assert sorted(os.listdir(tmp_path)) == ["manifest.json", "rows.parquet", "summary.json"]
    assert state(tmp_path) == "finished"


def test_a_failure_of_a_first_run_leaves_no_directory_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunDirectory.claim(tmp_path / "runs" / "one", manifest()):
        raise ZeroDivisionError

    assert os.listdir(tmp_path) == []


def test_a_failure_in_a_directory_that_was_there_leaves_it_there_and_empty(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunDirectory.claim(tmp_path, manifest()):
        raise ZeroDivisionError

    assert os.listdir(tmp_path) == []


def test_a_run_that_was_killed_may_be_run_again(tmp_path: Path) -> None:
    """A killed process leaves a manifest that says running, and perhaps the temporary file of a write."""
    RunDirectory.claim(tmp_path, manifest())
    (tmp_path / ".rows.parquet.0123456789abcdef.part").write_bytes(b"ro")
    RunDirectory.claim(tmp_path, manifest()).finish(FILES)

    assert state(tmp_path) == "finished"


def test_a_process_killed_before_its_manifest_leaves_a_place_that_is_still_free(tmp_path: Path) -> None:
    (tmp_path / ".manifest.json.0123456789abcdef.part").write_bytes(b"{")

    check_place(tmp_path)
    RunDirectory.claim(tmp_path, manifest())


def test_another_configuration_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    RunDirectory.claim(tmp_path, manifest()).finish(FILES)
    other = manifest(model={"name": "zoo:demo", "revision": "b"})

    check_place(tmp_path)
    with pytest.raises(RunError) as refused:
        RunDirectory.claim(tmp_path, other)
    assert str(refused.value) == (
        f"{tmp_path} holds another configuration: model.revision is 'a' there and 'b' here. "
        "Choose another directory with --out, or leave --out away to have one named by the configuration."
    )
    assert sorted(os.listdir(tmp_path)) == ["manifest.json", "rows.parquet", "summary.json"]


def test_an_option_that_one_side_does_not_have_is_named_too(tmp_path: Path) -> None:
    RunDirectory.claim(tmp_path, manifest(patch={"strength": 1.0}))

    with pytest.raises(RunError, match=r"patch\.factor is None there and 0\.5 here"):
        RunDirectory.claim(tmp_path, manifest(patch={"factor": 0.5}))


@pytest.mark.parametrize("attempt", [check_place, lambda path: RunDirectory.claim(path, manifest())])
def test_a_directory_that_is_not_ours_is_refused_and_not_touched(
    tmp_path: Path, attempt: Callable[[Path], object]
) -> None:
    (tmp_path / "thesis.tex").write_text("x")

    with pytest.raises(RunError, match=r"is not empty and not a run of attnprobe: it holds 'thesis.tex'"):
        attempt(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
@pytest.mark.parametrize("attempt", [check_place, lambda path: RunDirectory.claim(path, manifest())])
def test_a_file_in_the_way_is_named(tmp_path: Path, attempt: Callable[[Path], object], below: str) -> None:
    (tmp_path / "out").write_text("x")

    with pytest.raises(RunError, match=r"/out is a file; expected a directory for results\. Choose another with --out"):
        attempt(tmp_path / "out" / below)


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")

    with pytest.raises(RunError, match=r"manifest\.json is not a manifest of attnprobe, or it is damaged"):
        check_place(tmp_path)


def test_a_place_that_cannot_be_made_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(RunError, match=r"cannot make the directory .*/runs: Read-only file system; .* with --out"):
        RunDirectory.claim(tmp_path / "runs", manifest())


def test_a_directory_that_takes_no_files_is_found_out_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise RunError(f"cannot write {path}: Permission denied")

    monkeypatch.setattr(directory_module, "write_atomically", refuse)
    with pytest.raises(RunError, match=r"cannot write .*manifest\.json: Permission denied"):
        RunDirectory.claim(tmp_path / "runs", manifest())
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_too_long_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot use .*: File name too long"):
        check_place(tmp_path / ("x" * 300))


def test_a_write_that_fails_at_the_end_does_not_vouch_for_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = directory_module.write_atomically

    def full_disk(path: Path, data: bytes) -> None:
        if path.name == "summary.json":
            raise RunError("cannot write: No space left on device")
        real(path, data)

    monkeypatch.setattr(directory_module, "write_atomically", full_disk)
    with pytest.raises(RunError, match="No space left"), RunDirectory.claim(tmp_path, manifest()) as run:
        run.finish(FILES)
    assert state(tmp_path) == "running"
    assert sorted(os.listdir(tmp_path)) == ["manifest.json", "rows.parquet"]


def test_the_default_place_is_named_by_command_and_configuration() -> None:
    one = manifest()

    assert default_place(one) == Path("attnprobe-runs") / f"patch-{one.configuration_hash}"
    assert default_place(dataclasses.replace(one, configuration={"seed": 1})) != default_place(one)
