"""What a run of a command on a model and a task is, told before it runs.

In: a command, a model, a task, the settings that act. Out: a `Manifest`, for every command that takes these.
"""

from collections.abc import Mapping, Sequence

from attnprobe.models.model import Model
from attnprobe.runs import JsonValue, Manifest, model_record, portable, repeat_command, task_record
from attnprobe.tasks.example import Task

_PROGRAM = "attnprobe"


def manifest_of(
    command: str,
    model: Model,
    task: Task,
    acting: Mapping[str, JsonValue],
    *,
    donor: Model | None = None,
    given: Mapping[str, JsonValue] | None = None,
    words: Sequence[str] = (),
    rules: Mapping[str, JsonValue] | None = None,
) -> Manifest:
    """Say what a run is, before it runs.

    Args:
        command: of the program; its settings stand under this name.
        model: that runs.
        task: on which.
        acting: settings with defaults filled in; a directory of results belongs to them, to model, task and donor.
        donor: the model that attention is taken from, if any; its hash is part of the configuration.
        given: options as they were typed, if any were.
        words: of the command line, without the program's name; empty when called from Python.
        rules: by which verdicts are given.
    """
    configuration = {"model": model_record(model), "task": task_record(task), command: acting}
    return Manifest(
        command=command,
        configuration=configuration if donor is None else {**configuration, "donor": model_record(donor)},
        arguments_given=given or {},
        arguments_resolved={**_arguments(model, task, donor), **acting},
        repeat=repeat_command([_PROGRAM, *words]) if words else "",
        rules=rules or {},
    )


def _arguments(model: Model, task: Task, donor: Model | None) -> Mapping[str, JsonValue]:
    """What was chosen of model and task, every option with its value."""
    chosen: dict[str, JsonValue] = {
        name: portable(value) if isinstance(value, str) else value for name, value in task.settings.items()
    }
    return {
        "model": portable(model.provenance.name),
        "backend": model.backend.value,
        "device": str(model.device),
        "dtype": model.provenance.settings.get("dtype"),
        **chosen,
        "n": len(task.examples),
        **({} if donor is None else {"donor": portable(donor.provenance.name)}),
    }
