"""Training data without end: PrOntoQA-OOD implication eliminations, in batches of sequences of about one length.

In: a seed, a stage of the curriculum, a tokenizer. Out: `Batch`es, each a function of (seed, stage, pool, place)
alone, so that a run can stop anywhere and go on with the same data.

Training and evaluation are disjoint by construction: `is_held_out` puts each prompt on one side by a hash of its text;
training drops the held-out ones, evaluation drops all others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from attnprobe.errors import TrainingError
from attnprobe.shapes import TokenIds
from attnprobe.tasks.prontoqa.distractors import Distractors, with_distractors
from attnprobe.tasks.prontoqa.draw import Draw
from attnprobe.tasks.prontoqa.layout import lay_out
from attnprobe.tasks.prontoqa.logic import Claim, Universal
from attnprobe.tasks.prontoqa.problem import Problem
from attnprobe.tasks.prontoqa.rules import MOST_HOPS, Rule, compose
from attnprobe.tasks.prontoqa.writing import item_of
from attnprobe.training.pieces import EOS, token_id

# one prompt in this many is kept for evaluation
HELD_OUT_SHARE = 8
# how many examples are sorted by length at a time
POOL_SIZE = 2048
UNLABELLED = -100
# BOS, "Q" and ":"
_BEFORE_QUESTION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of example.

    Attributes:
        hops: steps of implication elimination, 1 to 5.
        distractors: which sentences the proof does not need.
        crowding: how many further dead ends start from each concept of the proof; above 0 only to train on.
        detached: whether the fact's concept is one that no rule speaks of, so that the goal alone says which rule to
            use; only to train on. What follows is no proof, but the look-up that a proof needs.
    """

    hops: int
    distractors: Distractors = Distractors.NONE
    crowding: int = 0
    detached: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.hops <= MOST_HOPS or self.crowding < 0:
            raise TrainingError(
                f"{self.hops} hops, crowding {self.crowding}: expected 1 to {MOST_HOPS} and at least 0."
            )

    @property
    def label(self) -> str:
        """As a card calls it, for example `2 hops, relevant`."""
        return f"{self.hops} {'hop' if self.hops == 1 else 'hops'}, {self.distractors}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A kind of example and how much of a stage it is, in any unit."""

    kind: Kind
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Right-padded sequences and what to learn from them.

    Attributes:
        ids: tokens.
        labels: the token that follows, `UNLABELLED` outside the chain of thought.
        weights: how much each position counts.
        recalls: at each full stop of the prompt the first token of its sentence, elsewhere `UNLABELLED`.
        topics: at each full stop of the prompt the first token of what its sentence says of its subject, at each full
            stop of the gold that of the goal, elsewhere `UNLABELLED`.
    """

    ids: TokenIds
    labels: Int[Tensor, "batch pos"]
    weights: Float[Tensor, "batch pos"]
    recalls: Int[Tensor, "batch pos"]
    topics: Int[Tensor, "batch pos"]


def is_held_out(prompt: str) -> bool:
    """Whether a prompt belongs to evaluation: one in eight, by a hash of its text."""
    return int.from_bytes(blake2b(prompt.encode(), digest_size=8).digest()) % HELD_OUT_SHARE == 0


def example_at(kind: Kind, seed: str, index: int) -> tuple[str, str]:
    """Prompt and gold at one place of a stream.

    Args:
        kind: what is asked for.
        seed: which stream.
        index: which place.
    """
    draw = Draw(Random(f"{seed}, {index}"))
    rule = Rule.IMPLICATION_ELIMINATION
    plain = compose(rule, kind.hops, draw)
    problem = with_distractors(plain, rule, kind.hops, kind.distractors, draw)
    rules = list(problem.rules)
    for each in plain.rules * kind.crowding:
        dead_end = Universal(each.antecedent, draw.maybe_negated(draw.quality()), draw.wording())
        rules.insert(draw.random.randint(0, len(rules)), dead_end)
    problem = replace(problem, rules=tuple(rules))
    page = lay_out(item_of(_detached(problem, draw) if kind.detached else problem))
    return page.prompt, page.gold


def _detached(problem: Problem, draw: Draw) -> Problem:
    """The problem with another concept in the fact that its proof begins with; half of the dead ends move as well."""
    first, *others = problem.proof
    assert isinstance(first.says, Claim)
    fact = Claim(first.says.name, draw.concept())
    needed = {step.says for step in problem.proof}
    return replace(
        problem,
        rules=tuple(
            rule if rule in needed or draw.random.random() < 0.5 else replace(rule, antecedent=draw.concept())
            for rule in problem.rules
        ),
        facts=tuple(fact if each == first.says else each for each in problem.facts),
        proof=(replace(first, says=fact), *others),
    )


def examples(kind: Kind, seed: str, *, held_out: bool) -> Iterator[tuple[str, str]]:
    """Prompts and golds of one side of the split, without end and without repetition.

    Args:
        kind: what is asked for.
        seed: which stream.
        held_out: which side.
    """
    seen: set[str] = set()
    index = 0
    while True:
        prompt, gold = example_at(kind, seed, index)
        index += 1
        if is_held_out(prompt) is held_out and prompt not in seen:
            seen.add(prompt)
            yield prompt, gold


def pool(
    portions: Sequence[Portion], tokenizer: PreTrainedTokenizerFast, *, seed: str, n_tokens: int, step_weight: float
) -> list[Batch]:
    """The batches of one pool of examples, in a random order.

    Args:
        portions: what the examples are.
        tokenizer: what cuts them.
        seed: of the pool; the same seed gives the same batches.
        n_tokens: most tokens of a batch, padding counted.
        step_weight: weight of the first token of each sentence of the chain of thought, where the next step is chosen;
            all others weigh 1.
    """
    random = Random(f"{seed}, kinds")
    kinds = random.choices([each.kind for each in portions], [each.weight for each in portions], k=POOL_SIZE)
    texts = [example_at(kind, f"{seed}, examples", index) for index, kind in enumerate(kinds)]
    kept = [(prompt, gold) for prompt, gold in texts if not is_held_out(prompt)]
    prompts: list[list[int]] = tokenizer([prompt for prompt, _ in kept])["input_ids"]
    golds: list[list[int]] = tokenizer([gold for _, gold in kept], add_special_tokens=False)["input_ids"]
    eos, full_stop = token_id(tokenizer, EOS), token_id(tokenizer, ".")
    before_topic = frozenset(token_id(tokenizer, f"Ġ{word}") for word in ("is", "are", "not", "a", "an"))
    rows = [(prompt, [*gold, eos]) for prompt, gold in zip(prompts, golds, strict=True)]
    # nearly sorted: within four tokens of one length the order stays random
    rows.sort(key=lambda row: (len(row[0]) + len(row[1])) // 4)
    batches = [_batch(rows, full_stop, before_topic, step_weight) for rows in _grouped(rows, n_tokens)]
    random.shuffle(batches)
    return batches


def _grouped(rows: list[tuple[list[int], list[int]]], n_tokens: int) -> Iterator[list[tuple[list[int], list[int]]]]:
    group: list[tuple[list[int], list[int]]] = []
    longest = 0
    for row in rows:
        length = len(row[0]) + len(row[1])
        if group and max(longest, length) * (len(group) + 1) > n_tokens:
            yield group
            group, longest = [], 0
        group.append(row)
        longest = max(longest, length)
    if group:
        yield group


def _batch(
    rows: Sequence[tuple[list[int], list[int]]], full_stop: int, before_topic: frozenset[int], step_weight: float
) -> Batch:
    # EOS is predicted but never read, so a row is one token shorter than prompt and gold
    width = max(len(prompt) + len(gold) for prompt, gold in rows) - 1
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels, recalls, topics = (torch.full((len(rows), width), UNLABELLED) for _ in range(3))
    for row, (prompt, gold) in enumerate(rows):
        text = [*prompt, *gold[:-1]]
        ids[row, : len(text)] = torch.tensor(text)
        labels[row, len(prompt) - 1 : len(text)] = torch.tensor(gold)
        first, topic = _BEFORE_QUESTION, UNLABELLED
        for position, token in enumerate(text):
            if token == full_stop and position < len(prompt):
                topic = next(prompt[at] for at in range(position - 1, first, -1) if prompt[at - 1] in before_topic)
                recalls[row, position], first = prompt[first], position + 1
            if token == full_stop:
                topics[row, position] = topic
    weights = torch.where(ids == full_stop, step_weight, 1.0)
    return Batch(ids=ids, labels=labels, weights=weights, recalls=recalls, topics=topics)
