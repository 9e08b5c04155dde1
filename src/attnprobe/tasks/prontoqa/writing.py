"""A problem on the page: its text, and every sentence and clause of it with its words and where they stand.

In: `Problem`s. Out: `Item`s (text only) and `Writing` (text with everything known about it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attnprobe.tasks.example import Span
from attnprobe.tasks.prontoqa.grammar import Word, clause, joined, sentence
from attnprobe.tasks.prontoqa.layout import Item, Page, lay_out
from attnprobe.tasks.prontoqa.logic import Formula
from attnprobe.tasks.prontoqa.problem import Problem, Step

QUERY_MARK = "Prove: "
BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A sentence of the question, the query, or a clause of the proof, as it stands on the page.

    Attributes:
        formula: what it says.
        words: its words and marks.
        spans: where each stands, in text offsets.
    """

    formula: Formula
    words: tuple[Word, ...]
    spans: tuple[Span, ...]

    @property
    def span(self) -> Span:
        """From its first word to its last."""
        return Span(self.spans[0].start, self.spans[-1].end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A problem with its exemplars on the page.

    Attributes:
        page: the text.
        problem: what it says.
        given: a passage for each sentence of the question, in order.
        query: the goal, without `Prove: `.
        steps: a passage for each step of the proof, in order.
    """

    page: Page
    problem: Problem
    given: tuple[Passage, ...]
    query: Passage
    steps: tuple[Passage, ...]


def item_of(problem: Problem) -> Item:
    """A problem as text alone."""
    rules = " ".join(joined(sentence(clause(rule)))[0] for rule in problem.rules)
    facts = " ".join(joined(sentence(clause(fact)))[0] for fact in problem.facts)
    proof = tuple(
        joined([word for words in written for word in words])[0] + (BLANK_LINE if steps[-1].closes else "")
        for steps, written in _proof_sentences(problem)
    )
    return Item(question=f"{rules} {facts}", query=QUERY_MARK + joined(sentence(clause(problem.goal)))[0], proof=proof)


def write(problem: Problem, exemplars: Sequence[Item] = ()) -> Writing:
    """A problem after its exemplars, with everything that is known about the text."""
    item = item_of(problem)
    page = lay_out(item, exemplars)

    given: list[Passage] = []
    at = page.question.start
    for formula in (*problem.rules, *problem.facts):
        given.append(_passage(formula, sentence(clause(formula)), at))
        at = given[-1].span.end + 1
    query = _passage(problem.goal, sentence(clause(problem.goal)), page.query.start + len(QUERY_MARK))

    steps: list[Passage] = []
    at = len(page.prompt) + 1
    for clauses, written in _proof_sentences(problem):
        for step, words in zip(clauses, written, strict=True):
            steps.append(_passage(step.says, words, at))
            at = steps[-1].span.end + 1
        at += len(BLANK_LINE) if clauses[-1].closes else 0
    return Writing(page=page, problem=problem, given=tuple(given), query=query, steps=tuple(steps))


def _passage(formula: Formula, words: tuple[Word, ...], at: int) -> Passage:
    return Passage(formula=formula, words=words, spans=joined(words, offset=at)[1])


def _proof_sentences(problem: Problem) -> Iterator[tuple[tuple[Step, ...], tuple[tuple[Word, ...], ...]]]:
    """The steps of each sentence of the proof, and for each step its words, marks and capitals in place."""
    waiting: list[Step] = []
    for step in problem.proof:
        waiting.append(step)
        if step.joins:
            continue
        lengths: list[int] = []
        parts: list[str | tuple[Word, ...]] = []
        for each in waiting:
            own = (*each.before, clause(each.says), *((",",) if each.joins else ()))
            lengths.append(sum(1 if isinstance(part, str) else len(part) for part in own))
            parts.extend(own)
        words = sentence(*parts)
        lengths[-1] += 1  # the full stop
        starts = [sum(lengths[:index]) for index in range(len(lengths))]
        yield (
            tuple(waiting),
            tuple(words[start : start + n] for start, n in zip(starts, lengths, strict=True)),
        )
        waiting = []
