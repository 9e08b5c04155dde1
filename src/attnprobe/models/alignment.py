"""A task as one model sees it: every example in tokens, each known to fit.

In: a `Model` and a `Task`. Out: `AlignedExample`s.
"""

from typing import cast

from attnprobe.errors import SpecError, TaskError
from attnprobe.models.model import Model
from attnprobe.tasks import AlignedExample, Task, TextTokenizer, align


def align_all(model: Model, task: Task) -> tuple[AlignedExample, ...]:
    """Every example of a task under the model's tokenizer.

    Raises:
        SpecError: the model has no tokenizer, or an example does not fit into its context.
        TaskError: the task is empty.
    """
    if model.tokenizer is None:
        raise SpecError(f"model {model.provenance.name} has no tokenizer; load it with `tokenizer=...`.")
    if not task.examples:
        raise TaskError(f"task {task.name} is empty; give at least one example.")
    # every transformers tokenizer is one; its annotations are wider than what it takes and gives
    tokenizer = cast(TextTokenizer, model.tokenizer)
    aligned = tuple(align(example, tokenizer) for example in task.examples)
    for one in aligned:
        if model.dims.context is not None and len(one.ids) > model.dims.context:
            raise SpecError(
                f"example {one.example.id!r} has {len(one.ids)} tokens with its gold, more than the context of "
                f"{model.dims.context} that {model.provenance.name} has; use fewer shots or hops, or another model."
            )
    return aligned
