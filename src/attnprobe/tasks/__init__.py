"""Tasks: questions with gold chains of thought, and where each gold word comes from.

In: what to generate, or a file. Out: a `Task` of `Example`s, and each of them in token positions by `align`.

Generated: `prontoqa_task`. Read: `jsonl_task` (our format), `csv_task` and `upstream_task` (data of others).
"""

from attnprobe.tasks.aligned import AlignedCorruption, AlignedExample, Target
from attnprobe.tasks.alignment import align
from attnprobe.tasks.authors_csv import csv_task
from attnprobe.tasks.collected import CollectedTask
from attnprobe.tasks.example import Corruption, Example, GoldWord, KeyDefinition, Span, Task, WordKind
from attnprobe.tasks.jsonl import jsonl_task, read_jsonl
from attnprobe.tasks.keys import keys_for, require_corruption, require_keys
from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, page_at, prontoqa_task
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.tokens import TextTokenizer
from attnprobe.tasks.upstream import upstream_task

__all__ = [
    "AlignedCorruption",
    "AlignedExample",
    "CollectedTask",
    "Corruption",
    "Distractors",
    "Example",
    "GoldWord",
    "KeyDefinition",
    "ProntoqaSpec",
    "Rule",
    "Span",
    "Target",
    "Task",
    "TextTokenizer",
    "WordKind",
    "align",
    "csv_task",
    "jsonl_task",
    "keys_for",
    "page_at",
    "prontoqa_task",
    "read_jsonl",
    "require_corruption",
    "require_keys",
    "upstream_task",
]
