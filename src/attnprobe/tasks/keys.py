"""The key positions that a user asks for, by definition or by the name of a span.

In: aligned examples. Out: for each gold token its key positions; one clear error where a task does not know
them.
"""

from attnprobe.errors import AlignmentError, SpecError, TaskError
from attnprobe.tasks.aligned import AlignedCorruption, AlignedExample
from attnprobe.tasks.example import Example, KeyDefinition, WordKind


def require_keys(example: Example, definition: KeyDefinition) -> None:
    """Make sure that an example knows its keys under a definition.

    Raises:
        TaskError: it does not: its format names no sources.
    """
    if definition not in example.definitions:
        known = ", ".join(example.definitions)
        spans = ", ".join(example.spans) or "none"
        raise TaskError(
            f"example {example.id!r} does not know its {definition} keys, only {known}: this format does not "
            f"say which text licenses which gold word. Use {known} or a named span (here: {spans}), a "
            "generated task, or JSONL with `sources`."
        )


def keys_for(aligned: AlignedExample, spec: KeyDefinition | str) -> tuple[tuple[int, ...], ...]:
    """The key positions of each gold token.

    Args:
        aligned: the example in token positions.
        spec: a key definition, or the name of a span: then its tokens, as far as they come before the gold
            token.

    Returns:
        For each of `aligned.targets`, sorted positions, all at or before the predicting one; none for a token
        of an unlicensed word.

    Raises:
        SpecError: neither a key definition nor a span of this example.
        TaskError: the example does not know its keys under this definition.
    """
    if spec in tuple(KeyDefinition):
        definition = KeyDefinition(spec)
        require_keys(aligned.example, definition)
        return tuple(target.keys[definition] for target in aligned.targets)
    if spec not in aligned.spans:
        raise SpecError(
            f"keys {spec!r}: example {aligned.example.id!r} has no such span; expected one of "
            f"{', '.join((*KeyDefinition, *aligned.spans))}."
        )
    positions = aligned.spans[spec]
    return tuple(
        ()
        if target.kind is WordKind.UNLICENSED
        else tuple(position for position in positions if position <= target.predicting)
        for target in aligned.targets
    )


def require_corruption(aligned: AlignedExample) -> AlignedCorruption:
    """The corrupted run of an example.

    Raises:
        TaskError: the example has no corrupted version.
        AlignmentError: it has, but none lines up under this tokenizer.
    """
    if aligned.corruption is not None:
        return aligned.corruption
    example = aligned.example
    if not example.corruptions:
        raise TaskError(
            f"example {example.id!r} has no corrupted version; use a generated task, or JSONL with `foil` "
            "and `corrupted`."
        )
    raise AlignmentError(
        f"example {example.id!r}: none of its {len(example.corruptions)} corrupted versions has the same "
        f"tokens around the target word (clean: {len(aligned.ids)} tokens); expected as many tokens, word "
        "for word. Leave the example out, or give a corrupted text of the same length."
    )
