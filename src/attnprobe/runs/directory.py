"""A directory of results that belongs to one configuration.

In: a place and the manifest of a run about to start. Out: `RunDirectory`, which takes the results when there are any.
A directory is refused when it holds anything else; nothing in it is ever half written.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from attnprobe.errors import RunError
from attnprobe.runs.atomic import is_leftover, write_atomically
from attnprobe.runs.json_text import JsonValue
from attnprobe.runs.manifest import Manifest, RunState, StoredManifest

MANIFEST = "manifest.json"
_PARENT = "attnprobe-runs"
_LONGEST_SHOWN = 60


def default_place(manifest: Manifest) -> Path:
    """Where results go unless the user says: one directory a configuration, below the working directory."""
    return Path(_PARENT) / f"{manifest.command}-{manifest.configuration_hash}"


def check_place(path: Path) -> None:
    """Refuse a place that no run could use, before any time is spent.

    Raises:
        RunError: a file is in the way, the directory holds what is not ours, or it cannot be read.
    """
    _stored(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDirectory:
    """A directory that this run may write. As a context it takes an untouched directory away if the run fails.

    Attributes:
        path: where.
        manifest: what the run is.
        made: directories that did not exist before, deepest first.
        is_new: nobody had claimed it before.
    """

    path: Path
    manifest: Manifest
    made: tuple[Path, ...]
    is_new: bool

    @classmethod
    def claim(cls, path: Path, manifest: Manifest) -> "RunDirectory":
        """Take a place for a configuration, making the directory if needed.

        Args:
            path: an absent or empty directory, or one of this very configuration.
            manifest: of the run that starts.

        Raises:
            RunError: it belongs to another configuration or is not ours, or it cannot be written.
        """
        stored = _stored(path)
        if stored is not None and stored.configuration_hash != manifest.configuration_hash:
            raise RunError(
                f"{path} holds another configuration: {_difference(stored.configuration, manifest.configuration)}. "
                "Choose another directory with --out, or leave --out away to have one named by the configuration."
            )
        made = _make(path)
        directory = cls(path=path, manifest=manifest, made=made, is_new=stored is None)
        # results that an earlier run finished stay vouched for until new ones are at hand; the write itself shows now,
        # not after the measurement, that the place takes files
        claimed = manifest.to_bytes() if stored is None else (path / MANIFEST).read_bytes()
        try:
            write_atomically(path / MANIFEST, claimed)
        except RunError:
            directory._withdraw()
            raise
        return directory

    def finish(self, files: Mapping[str, bytes]) -> tuple[Path, ...]:
        """Write all results, then the manifest that vouches for them.

        Args:
            files: content by file name.

        Returns:
            The paths written, the manifest last.

        Raises:
            RunError: the place cannot be written.
        """
        write_atomically(self.path / MANIFEST, self.manifest.to_bytes())
        for name, data in files.items():
            write_atomically(self.path / name, data)
        finished = replace(
            self.manifest,
            state=RunState.FINISHED,
            finished=datetime.now(UTC),
            files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        )
        write_atomically(self.path / MANIFEST, finished.to_bytes())
        return (*(self.path / name for name in files), self.path / MANIFEST)

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self.is_new:
            self._withdraw()

    def _withdraw(self) -> None:
        # only what this claim made and nothing has been added to: results that were written are never removed
        try:
            if {entry.name for entry in self.path.iterdir()} <= {MANIFEST}:
                (self.path / MANIFEST).unlink(missing_ok=True)
            for directory in self.made:
                directory.rmdir()
        except OSError:
            return


def _make(path: Path) -> tuple[Path, ...]:
    missing = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot make the directory {path}: {error.strerror or error}; expected a place that can be written. "
            "Choose another with --out."
        ) from error
    return tuple(missing)


def _stored(path: Path) -> StoredManifest | None:
    """Read who owns a place; None where it is free."""
    try:
        for place in (path, *path.parents):
            if place.exists() and not place.is_dir():
                raise RunError(f"{place} is a file; expected a directory for results. Choose another with --out.")
        if not path.exists():
            return None
        if (path / MANIFEST).is_file():
            return StoredManifest.parse((path / MANIFEST).read_bytes(), str(path / MANIFEST))
        foreign = sorted(entry.name for entry in path.iterdir() if not is_leftover(entry.name))
    except OSError as error:
        raise RunError(
            f"cannot use {path}: {error.strerror or error}; expected a directory for results. "
            "Choose another with --out."
        ) from error
    if foreign:
        raise RunError(
            f"{path} is not empty and not a run of attnprobe: it holds {foreign[0]!r}. "
            "Choose an empty or new directory with --out."
        )
    return None


def _difference(there: JsonValue, here: JsonValue, name: str = "") -> str:
    """Name the first place at which two configurations differ."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        # settings first: the hash of the examples differs whenever one of them does, and says less
        for key in sorted({*there, *here}, key=lambda key: (key == "sha256", key)):
            if there.get(key) != here.get(key):
                return _difference(there.get(key), here.get(key), f"{name}.{key}" if name else key)
    return f"{name or 'it'} is {_shown(there)} there and {_shown(here)} here"


def _shown(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
