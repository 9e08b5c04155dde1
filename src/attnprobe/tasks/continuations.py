"""Examples of any task as questions whose right answer is the gold text itself.

In: a task. Out: `AnsweredQuestions`. For tasks that nothing can judge but the gold: an answer is right when it is the
gold, white space at its ends aside. What a model writes on further lines than the gold has is not looked at, since
models without an end-of-text token go on.
"""

from functools import partial

from attnprobe.tasks.answered import AnsweredQuestions, AnswerKey, digest
from attnprobe.tasks.example import Task
from attnprobe.tasks.questions import Question

OWN_TEXT = "own_text"
"""The group of all such questions: nothing is known of them."""

MAX_NEW_TOKENS = 256
# a token is a byte at the least; a little more shows that an answer goes on
_SPARE_TOKENS = 4


def continuation_questions(task: Task) -> AnsweredQuestions:
    """The examples of a task, each to be continued by its gold.

    Args:
        task: any; ids and prompts are its own.

    Returns:
        Questions; the measure `lenient` asks only that an answer begin with the gold, no word cut.

    Source: ours.
    """
    questions = tuple(
        Question(id=example.id, prompt=example.prompt, reference=example.gold, group=OWN_TEXT)
        for example in task.examples
    )
    longest = max(len(example.gold.encode()) for example in task.examples)
    return AnsweredQuestions(
        name=task.name,
        settings={**task.settings, "sha256": digest(questions)},
        questions=questions,
        keys={example.id: _key(example.gold.strip()) for example in task.examples},
        stop=(),
        max_new_tokens=min(MAX_NEW_TOKENS, longest + _SPARE_TOKENS),
    )


def _key(gold: str) -> AnswerKey:
    n_lines = gold.count("\n") + 1
    return AnswerKey(answer=gold, read=partial(_lines, n_lines), read_leniently=partial(_beginning, gold))


def _lines(n_lines: int, output: str) -> str | None:
    return "\n".join(output.strip().split("\n")[:n_lines]).strip() or None


def _beginning(gold: str, output: str) -> str | None:
    written = output.strip()
    is_cut = gold[-1:].isalnum() and written[len(gold) : len(gold) + 1].isalnum()
    return gold if written.startswith(gold) and not is_cut else _lines(1, output)
