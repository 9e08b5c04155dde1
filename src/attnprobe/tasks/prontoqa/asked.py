"""PrOntoQA-OOD as questions that a model answers freely, with a proof, and the proof is judged.

In: rules, hops, distractors and shots to generate, or a file of upstream's generator or of the authors. Out:
`ProntoqaQuestions`, which is a `QuestionSet`.

Beside each question stand the answers of two strategies that need no reasoning: to write the conclusion, which the
query names, and to write the question and then the conclusion. The lenient verdict calls up to all of them right.

Prompts, the cut at the next question and 256 tokens as the longest answer: as in arXiv 2502.15120.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from attnprobe.errors import SpecError, TaskError
from attnprobe.tasks.authors_csv import csv_task
from attnprobe.tasks.example import Example, Task
from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.tasks.prontoqa.generate import ProntoqaSpec, distinct_problems, exemplars_at, member
from attnprobe.tasks.prontoqa.judge import Label, judge
from attnprobe.tasks.prontoqa.judge.verdict import conclusion_of
from attnprobe.tasks.prontoqa.layout import lay_out
from attnprobe.tasks.prontoqa.recognise import ItemKind, kind_of
from attnprobe.tasks.prontoqa.rules import ONE_HOP_RULES, Rule
from attnprobe.tasks.prontoqa.splits import Side
from attnprobe.tasks.prontoqa.writing import QUERY_MARK, item_of
from attnprobe.tasks.questions import Grade, Outcome, Question
from attnprobe.tasks.upstream import upstream_task

NEXT_QUESTION = "Q:"
MAX_NEW_TOKENS = 256
COPY_CONCLUSION, COPY_QUESTION = "copy_conclusion", "copy_question"
OTHER_GROUP = "other"
SIX_RULES = tuple(rule for rule in Rule if rule is not Rule.COMPOSED)
"""The rules that the literature asks for; Composed problems mix them."""


class Measure(StrEnum):
    """What makes a proof right.

    STRICT, CONTAIN, VALID: verdicts of the judge. EXACT: the gold proof, character for character, but for white space
    at its ends.
    """

    STRICT = "strict"
    CONTAIN = "contain"
    VALID = "valid"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theorem:
    """What a proof is judged against.

    Attributes:
        question: the sentences that are given.
        query: what is to be proved.
        gold: a right proof.
    """

    question: str
    query: str
    gold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProntoqaQuestions:
    """Questions that want a proof.

    Attributes:
        name: how results call it.
        settings: everything that determines the questions and what makes an answer right.
        questions: in order, with distinct ids; grouped as `rule/Nhop/distractors`.
        theorems: by question id.
        measure: what makes a proof right.
        stop: texts at which an answer is cut off.
        max_new_tokens: how long an answer may be.
    """

    name: str
    settings: Mapping[str, str | int | None]
    questions: tuple[Question, ...]
    theorems: Mapping[str, Theorem]
    measure: Measure = Measure.STRICT
    stop: tuple[str, ...] = (NEXT_QUESTION,)
    max_new_tokens: int = MAX_NEW_TOKENS

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "theorems", MappingProxyType(dict(self.theorems)))
        if not self.questions:
            raise TaskError(f"{self.name}: no question; expected at least one.")

    def grade(self, question: Question, output: str) -> Grade:
        """What the judge says of a proof; unreadable where no sentence of it parses."""
        theorem = self.theorems[question.id]
        judged = judge(output, question=theorem.question, query=theorem.query, gold=theorem.gold)
        verdicts = {
            Measure.STRICT: judged.strict,
            Measure.CONTAIN: judged.contain,
            Measure.VALID: judged.valid,
            Measure.EXACT: output.strip() == theorem.gold.strip(),
        }
        read = [step.text for step in judged.steps if step.label is not Label.UNPARSEABLE]
        not_right = Outcome.WRONG if read else Outcome.UNPARSEABLE
        return Grade(
            outcome=Outcome.CORRECT if verdicts[self.measure] else not_right,
            extracted=read[-1] if read else None,
            measures={measure.value: holds for measure, holds in verdicts.items()},
        )


def prontoqa_questions(
    *,
    rules: Sequence[Rule | str] = SIX_RULES,
    hops: Sequence[int] = (1,),
    distractors: Sequence[Distractors | str] = (Distractors.NONE,),
    shots: int = 0,
    n: int,
    seed: int = 0,
    side: Side | str | None = Side.TEST,
    measure: Measure | str = Measure.STRICT,
) -> ProntoqaQuestions:
    """Generated questions of every combination of rule, hops and distractors that is defined.

    Args:
        rules: deduction rules, as `Rule` or by name; the six, if not given.
        hops: how often a proof uses its rule, 1 to 5; rules that have one hop only are left out at others.
        distractors: `none`, `relevant`, `irrelevant`.
        shots: solved exemplars before each question, 0 to 8, of its own kind and fresh for each.
        n: questions of each combination, at least 1.
        seed: which stream of problems; the first n of a larger set are the same.
        side: `test` for problems, exemplars included, that the zoo was not trained on; `train`, or None for both.
        measure: what makes a proof right.

    Raises:
        SpecError: no such rule, hops, distractors, shots, side or measure; no combination is defined; or there are not
            that many different problems.

    Source: arXiv 2305.15269 (problems), arXiv 2502.15120 (prompts).
    """
    if n < 1:
        raise SpecError(f"{n} questions of each kind: expected at least 1.")
    chosen = tuple(dict.fromkeys(member(Rule, "rule", rule) for rule in rules))
    kinds = tuple(dict.fromkeys(member(Distractors, "distractors", kind) for kind in distractors))
    steps = tuple(dict.fromkeys(hops))
    own_side = None if side is None else member(Side, "side", side)
    specs = [
        ProntoqaSpec(rule=rule, hops=count, shots=shots, distractors=kind, seed=seed, side=own_side)
        for rule in chosen
        for count in steps
        if count == 1 or rule not in ONE_HOP_RULES
        for kind in kinds
    ]
    if not specs:
        raise SpecError(
            f"rules {', '.join(chosen) or 'none'} at {', '.join(map(str, steps)) or 'no'} hops: no such problems; "
            f"expected at least one rule and number of hops, and 1 hop for {' and '.join(sorted(ONE_HOP_RULES))}."
        )
    pairs = [pair for spec in specs for pair in _asked(spec, n)]
    return ProntoqaQuestions(
        name="/".join(["prontoqa", *([f"{shots}shot"] if shots else []), *([] if own_side is None else [own_side])]),
        settings={
            "task": "prontoqa",
            "rules": ",".join(chosen),
            "hops": ",".join(map(str, steps)),
            "distractors": ",".join(kinds),
            "shots": shots,
            "n": n,
            "seed": seed,
            "side": None if own_side is None else own_side.value,
            "measure": member(Measure, "measure", measure).value,
        },
        questions=tuple(question for question, _ in pairs),
        theorems={question.id: theorem for question, theorem in pairs},
        measure=member(Measure, "measure", measure),
    )


def prontoqa_file_questions(
    path: Path | str, *, n: int | None = None, measure: Measure | str = Measure.STRICT
) -> ProntoqaQuestions:
    """The questions of a file, exemplars as they stand in it, grouped by the form of their proofs.

    Args:
        path: `.json` as upstream's generator writes, or `.csv` as the authors of arXiv 2502.15120 publish.
        n: the first how many; all if None.
        measure: what makes a proof right.

    Raises:
        SpecError: no such measure, or another kind of file.
        TaskError: the file cannot be read, or is not in its format.
    """
    readers = {".json": upstream_task, ".csv": csv_task}
    file = Path(path)
    if file.suffix not in readers:
        raise SpecError(f"{file}: expected a file of upstream's generator (.json) or of the authors (.csv).")
    task = readers[file.suffix](file, n=n)
    for example in task.examples:
        if not is_theorem(example):
            raise TaskError(
                f"{file}, {example.id}: the input is not in the authors' layout; expected it to end with "
                "'Q: ... Prove: ...', a line break and 'A:'. For other text use JSONL."
            )
    pairs = [_from_example(example) for example in task.examples]
    chosen = member(Measure, "measure", measure)
    return ProntoqaQuestions(
        name=f"prontoqa/{file.stem}",
        settings={**task.settings, "task": "prontoqa", "measure": chosen.value},
        questions=tuple(question for question, _ in pairs),
        theorems={question.id: theorem for question, theorem in pairs},
        measure=chosen,
    )


def is_theorem(example: Example) -> bool:
    """Whether an example wants a proof: it has one question and one query."""
    return all(len(example.spans.get(name, ())) == 1 for name in ("question", "query"))


def prontoqa_task_questions(task: Task, *, measure: Measure | str = Measure.STRICT) -> ProntoqaQuestions:
    """The examples of a task as questions, with their own ids and prompts, grouped by what is known of them.

    Args:
        task: each of its examples wants a proof.
        measure: what makes a proof right.

    Raises:
        SpecError: no such measure.
        TaskError: an example has no question or query, or a gold proof that cannot be read.
    """
    for example in task.examples:
        if not is_theorem(example):
            raise TaskError(
                f"task {task.name}, example {example.id!r}: no question and query in it; expected a task of proofs."
            )
    pairs = [_from_example(example) for example in task.examples]
    chosen = member(Measure, "measure", measure)
    return ProntoqaQuestions(
        name=task.name,
        settings={**task.settings, "measure": chosen.value},
        questions=tuple(question for question, _ in pairs),
        theorems={question.id: theorem for question, theorem in pairs},
        measure=chosen,
    )


def _asked(spec: ProntoqaSpec, n: int) -> Iterator[tuple[Question, Theorem]]:
    group = ItemKind(rule=spec.rule, hops=spec.hops, distractors=spec.distractors).group
    for index, problem in enumerate(distinct_problems(spec, n)):
        item = item_of(problem)
        page = lay_out(item, exemplars_at(spec, index, beside=item))
        yield _pair(
            question_id=f"{group}/seed{spec.seed}/{index}",
            prompt=page.prompt,
            group=group,
            theorem=Theorem(question=item.question.strip(), query=item.query.removeprefix(QUERY_MARK), gold=page.gold),
        )


def _from_example(example: Example) -> tuple[Question, Theorem]:
    (question,), (query,) = example.spans["question"], example.spans["query"]
    theorem = Theorem(
        question=example.prompt[question.start : question.end],
        query=example.prompt[query.start : query.end].removeprefix(QUERY_MARK),
        gold=example.gold,
    )
    # now, not after an hour of answers
    conclusion_of(query=theorem.query, gold=theorem.gold)
    return _pair(question_id=example.id, prompt=example.prompt, group=_group_of(example, theorem), theorem=theorem)


def _group_of(example: Example, theorem: Theorem) -> str:
    facts = example.facts
    if all(name in facts for name in ("rule", "hops", "distractors")):
        return f"{facts['rule']}/{facts['hops']}hop/{facts['distractors']}"
    kind = kind_of(question=theorem.question, query=theorem.query, proof=theorem.gold)
    return OTHER_GROUP if kind is None else kind.group


def _pair(*, question_id: str, prompt: str, group: str, theorem: Theorem) -> tuple[Question, Theorem]:
    copies = {COPY_CONCLUSION: f" {theorem.query}", COPY_QUESTION: f" {theorem.question} {theorem.query}"}
    asked = Question(id=question_id, prompt=prompt, reference=theorem.gold, group=group, baselines=copies)
    return asked, theorem
