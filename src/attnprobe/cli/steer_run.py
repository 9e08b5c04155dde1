"""`attnprobe steer`, carried out: load, claim a place, write answers, grade, write files, say what was found.

In: `Typed`. Out: files and tables. The order is such that a mistake costs as little time as it can.
"""

import sys
from contextlib import ExitStack
from pathlib import Path

from attnprobe.causal.lock_step import check_donor
from attnprobe.cli.console import progress_bar, quiet_libraries
from attnprobe.cli.saying import for_terminal, given_options, output_console, say_files
from attnprobe.cli.steer_request import SteerRequest
from attnprobe.cli.typed import Typed
from attnprobe.evaluation.under_plan import SteerResult, generate_under_plan
from attnprobe.models.load import load_model
from attnprobe.report.files import SUMMARY
from attnprobe.report.steer_files import steer_files, steer_manifest
from attnprobe.report.steer_table import steer_table, steer_text
from attnprobe.runs import RunDirectory, check_place, default_place, portable


def run_steer(typed: Typed) -> None:
    """Do what was asked.

    Raises:
        AttnprobeError: anything that the user can mend.
    """
    request = SteerRequest.of(typed)
    asked = request.run
    if asked.out is not None:
        check_place(asked.out)
    prints_json, is_quiet = typed.flag("json"), typed.flag("quiet")
    with (
        quiet_libraries(),
        progress_bar(portable(asked.model), is_shown=not (prints_json or is_quiet)) as progress,
        ExitStack() as stack,
    ):
        task = asked.task()
        model = load_model(asked.model, **asked.loading)
        stack.callback(model.close)
        donor = None if request.donor is None else load_model(request.donor, **asked.loading)
        if donor is not None:
            stack.callback(donor.close)
            check_donor(donor, model)
        settings = request.settled(model.dims)
        names = {"model": portable(asked.model), "task": portable(task.name)}
        manifest = steer_manifest(model, task, settings, donor=donor, given=given_options(typed), words=typed.words)
        with RunDirectory.claim(asked.out or default_place(manifest), manifest) as directory:
            result = generate_under_plan(model, task, settings, donor=donor, progress=progress)
            files = steer_files(result, manifest, **names)
            written = directory.finish(files)
    if prints_json:
        sys.stdout.write(for_terminal(files[SUMMARY]))
    else:
        _show(result, written, **names, with_table=not is_quiet)


def _show(result: SteerResult, written: tuple[Path, ...], *, model: str, task: str, with_table: bool) -> None:
    console = output_console()
    if with_table:
        console.print(steer_table(result, model=model, task=task))
        console.print()
    console.print(steer_text(result))
    if with_table:
        console.print()
        say_files(console, written)
