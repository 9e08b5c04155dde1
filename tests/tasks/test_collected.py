"""A task holds examples."""

import pytest

from attnprobe.errors import TaskError
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Example, Task


def test_a_task_holds_examples_with_ids_of_their_own() -> None:
    example = Example(id="a", prompt="Rex", gold=" hot.")
    with pytest.raises(TaskError, match="task 'empty' is empty: expected at least one example"):
        CollectedTask(name="empty", settings={}, examples=())
    with pytest.raises(TaskError, match="task 'twice': two examples have the id 'a'; give each its own"):
        CollectedTask(name="twice", settings={}, examples=(example, example))


def test_a_collected_task_is_a_task_and_its_settings_cannot_be_changed() -> None:
    task = CollectedTask(name="one", settings={"n": 1}, examples=(Example(id="a", prompt="Rex", gold=" hot."),))
    assert isinstance(task, Task)
    with pytest.raises(TypeError):
        task.settings["n"] = 2
