"""`attnprobe patch`, carried out: load, claim a place, measure, write, say what was found.

In: `Typed`. Out: files and a table. The order is such that a mistake costs as little time as it can.
"""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from attnprobe.causal.measure import patch_heads
from attnprobe.causal.result import PatchResult
from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.request import PatchRequest
from attnprobe.cli.typed import Typed, option_name
from attnprobe.models.load import load_model
from attnprobe.report.files import SUMMARY, patch_files
from attnprobe.report.keep import patch_manifest
from attnprobe.report.table import finding_text, head_table
from attnprobe.runs import JsonValue, RunDirectory, check_place, default_place, portable
from attnprobe.zoo.catalogue import DEFAULT_NAME


def run_patch(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = PatchRequest.of(typed)
    if request.out is not None:
        check_place(request.out)
    name = request.model or f"zoo:{DEFAULT_NAME}"
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with quiet_libraries(), progress_bar(portable(name), is_shown=not (prints_json or is_quiet)) as progress:
        task = request.task()
        model = load_model(name, backend=request.backend, device=request.device, dtype=request.dtype)
        names = {"model": portable(name), "task": portable(task.name)}
        try:
            manifest = patch_manifest(model, task, request.settings, given=_given(typed), words=typed.words)
            with RunDirectory.claim(request.out or default_place(manifest), manifest) as directory:
                result = patch_heads(model, task, request.settings, progress=progress)
                files = patch_files(result, task.examples, manifest, **names)
                written = directory.finish(files)
        finally:
            model.close()
    if prints_json:
        sys.stdout.write(_for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _for_terminal(document: bytes) -> str:
    """JSON as standard output can hold it: with escapes where its encoding lacks a character."""
    text = document.decode("utf-8")
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=2, allow_nan=False) + "\n"
    return text


def _given(typed: Typed) -> Mapping[str, JsonValue]:
    """Options as typed, without directories of the machine."""
    values = {name: typed.values[name] for name in sorted(typed.given)}
    return {option_name(name): portable(value) if isinstance(value, str) else value for name, value in values.items()}


def _show(result: PatchResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    # a terminal that cannot show a minus sign should not end the run
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    if with_table:
        console.print(head_table(result, model=model, task=task))
        console.print()
    console.print(finding_text(result))
    if with_table:
        console.print()
        page, *others = written
        console.print(f"Report: {_shown(page)}", markup=False, soft_wrap=True)
        console.print(f"Beside it: {', '.join(path.name for path in others)}", markup=False)


def _shown(path: Path) -> str:
    """A path as the user would type it: relative to where they are, if it is below."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)
