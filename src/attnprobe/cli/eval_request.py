"""What the user asks a model, understood and checked before anything is loaded.

In: `Typed`. Out: `EvalRequest`. An option that would do nothing is refused: nobody should believe that it acted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from attnprobe.cli.run_request import Precision
from attnprobe.cli.typed import Typed, member, option_name
from attnprobe.errors import SpecError
from attnprobe.evaluation.settings import Decoding, EvalSettings, IntervalKind
from attnprobe.tasks import Distractors, Rule
from attnprobe.tasks.csqa import csqa_questions
from attnprobe.tasks.exemplars import PromptFormat
from attnprobe.tasks.gsm8k import gsm8k_questions
from attnprobe.tasks.prontoqa.asked import SIX_RULES, Measure, prontoqa_file_questions, prontoqa_questions
from attnprobe.tasks.prontoqa.splits import Side
from attnprobe.tasks.question_lines import Match, jsonl_questions
from attnprobe.tasks.questions import QuestionSet

QUESTIONS_OF_EACH_KIND = 20
ALL_RULES = "all"
_STOP_SEPARATOR = "|"
MakeQuestions = Callable[[], QuestionSet]


class AskedKind(StrEnum):
    """What is asked: proofs, generated or from a file; multiple choice; sums in words; questions of one's own."""

    PRONTOQA = "prontoqa"
    CSQA = "csqa"
    GSM8K = "gsm8k"
    JSONL = "jsonl"


class SideChoice(StrEnum):
    """Which problems: those kept for testing, those for training, or both."""

    TEST = Side.TEST
    TRAIN = Side.TRAIN
    BOTH = "both"


_GENERATED = ("rule", "hops", "distractors", "side")
_ACTS_WITH: Mapping[str, frozenset[AskedKind]] = {
    **dict.fromkeys((*_GENERATED, "measure"), frozenset({AskedKind.PRONTOQA})),
    **dict.fromkeys(("split", "exemplars", "prompt_format"), frozenset({AskedKind.CSQA, AskedKind.GSM8K})),
    "shots": frozenset({AskedKind.PRONTOQA, AskedKind.CSQA, AskedKind.GSM8K}),
    "match": frozenset({AskedKind.JSONL}),
}
"""Options that shape some tasks only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRequest:
    """`attnprobe eval`, understood.

    Attributes:
        model: hub name, directory or `zoo:NAME`; None for the zoo's default.
        loading: further words for `load_language_model`.
        family: what models that differ in size alone are called; None for a name of ours.
        questions: reads or generates them.
        settings: of the evaluation.
        out: where results go; None for a directory named by the configuration.
    """

    model: str | None
    loading: Mapping[str, Any]
    family: str | None
    questions: MakeQuestions
    settings: EvalSettings
    out: Path | None

    @classmethod
    def of(cls, typed: Typed) -> "EvalRequest":
        """Understand a command line.

        Raises:
            SpecError: a value does not exist, or an option does not apply beside another.
        """
        kind = typed.choice("task", AskedKind)
        _refuse_idle(typed, kind)
        dtype = typed.choice("dtype", Precision)
        out = typed.optional("out")
        return cls(
            model=typed.optional("model"),
            loading={
                "device": typed.optional("device"),
                "dtype": None if dtype is Precision.AUTO else dtype.value,
                "tokenizer": typed.optional("tokenizer"),
                "revision": typed.optional("revision"),
                "trust_remote_code": typed.flag("trust_remote_code"),
            },
            family=typed.optional("family"),
            questions=_questions(typed, kind),
            settings=_settings(typed),
            out=None if out is None else Path(out).expanduser(),
        )


def _settings(typed: Typed) -> EvalSettings:
    stop = typed.optional("stop")
    return EvalSettings(
        decoding=typed.choice("decoding", Decoding),
        samples=typed.whole("samples", at_least=0),
        temperature=typed.real("temperature"),
        seed=typed.whole("seed", at_least=0),
        max_new_tokens=_maybe_whole(typed, "max_new_tokens", at_least=1),
        stop=None if stop is None else _stop_texts(stop),
        uses_chat_template=typed.flag("chat_template"),
        batch_size=typed.whole("batch_size", at_least=1),
        interval=typed.choice("interval", IntervalKind),
    )


def _stop_texts(text: str) -> tuple[str, ...]:
    return tuple(each.replace("\\n", "\n") for each in text.split(_STOP_SEPARATOR)) if text else ()


def _refuse_idle(typed: Typed, kind: AskedKind) -> None:
    for name in sorted(typed.given):
        owners = _ACTS_WITH.get(name)
        if owners is not None and kind not in owners:
            raise SpecError(
                f"{option_name(name)} acts with --task {' or '.join(sorted(owners))} alone, and this one is {kind}; "
                "leave it out."
            )
    if kind is AskedKind.PRONTOQA and typed.optional("data") is not None:
        for name in (*_GENERATED, "shots"):
            if name in typed.given:
                raise SpecError(f"{option_name(name)} with --data: it shapes generated questions alone; leave it out.")
    if "temperature" in typed.given and not typed.whole("samples", at_least=0):
        raise SpecError("--temperature acts on samples alone, and answers are greedy; ask for some with --samples.")


def _questions(typed: Typed, kind: AskedKind) -> MakeQuestions:
    data, n = typed.optional("data"), _maybe_whole(typed, "n", at_least=1)
    match kind:
        case AskedKind.PRONTOQA:
            return _prontoqa(typed, data, n)
        case AskedKind.CSQA | AskedKind.GSM8K:
            return _answered(typed, kind, data, n)
        case AskedKind.JSONL:
            if data is None:
                raise SpecError("--task jsonl needs a file; give it with --data.")
            rule = typed.optional("match")
            chosen = None if rule is None else member("--match", rule, Match)
            return lambda: _complete(jsonl_questions(_path(data), n=n, match=chosen), n)


def _prontoqa(typed: Typed, data: str | None, n: int | None) -> MakeQuestions:
    measure = typed.choice("measure", Measure)
    if data is not None:
        return lambda: _complete(prontoqa_file_questions(_path(data), n=n, measure=measure), n)
    named = typed.text("rule")
    rules = SIX_RULES if named == ALL_RULES else tuple(member("--rule", name, Rule) for name in named.split(","))
    kinds = tuple(member("--distractors", name, Distractors) for name in typed.text("distractors").split(","))
    side = typed.choice("side", SideChoice)
    shots, seed, hops = _maybe_whole(typed, "shots", at_least=0), typed.whole("seed", at_least=0), _hops(typed)
    return lambda: prontoqa_questions(
        rules=rules,
        hops=hops,
        distractors=kinds,
        shots=shots or 0,
        n=n or QUESTIONS_OF_EACH_KIND,
        seed=seed,
        side=None if side is SideChoice.BOTH else side.value,
        measure=measure,
    )


def _answered(typed: Typed, kind: AskedKind, data: str | None, n: int | None) -> MakeQuestions:
    make = csqa_questions if kind is AskedKind.CSQA else gsm8k_questions
    form = typed.optional("prompt_format")
    exemplars, shots, split = (
        typed.optional("exemplars"),
        _maybe_whole(typed, "shots", at_least=0),
        typed.optional("split"),
    )
    chosen: dict[str, Any] = {
        "source": None if data is None else _source(data),
        "split": split,
        "exemplars": None if exemplars is None else _path(exemplars),
        "shots": shots,
        "n": n,
        "prompt_format": None if form is None else member("--prompt-format", form, PromptFormat),
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return lambda: _complete(make(**given), n)


def _hops(typed: Typed) -> tuple[int, ...]:
    text = typed.text("hops")
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError:
        raise SpecError(f"--hops {text!r}: expected whole numbers, such as 1,2,3.") from None


def _maybe_whole(typed: Typed, name: str, *, at_least: int) -> int | None:
    return None if typed.optional(name) is None else typed.whole(name, at_least=at_least)


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _source(text: str) -> Path | str:
    """A path where there is one; else the name of a data set on the hub, which must not become one."""
    return _path(text) if _path(text).exists() else text


def _complete(questions: QuestionSet, n: int | None) -> QuestionSet:
    if n is not None and len(questions.questions) < n:
        raise SpecError(
            f"-n {n}: {questions.name} holds {len(questions.questions)} questions; ask for at most that many, or leave "
            "-n out."
        )
    return questions
