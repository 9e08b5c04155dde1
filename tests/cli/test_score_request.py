"""Mistakes in what is asked of attention scores are answered by one line before anything is loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.attention.settings import FirstKey, Normalisation, Protocol
from attnprobe.cli import score_run
from attnprobe.cli.score_request import ScoreRequest
from attnprobe.errors import SpecError
from attnprobe.tasks import CollectedTask, Example, prontoqa_task
from attnprobe.tasks.prontoqa.asked import Measure
from tests.causal.conftest import made_up_task
from tests.cli.conftest import Run

Ask = Callable[..., ScoreRequest]


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What a command line is understood as; nothing is run."""

    def call(*words: str) -> ScoreRequest:
        found: list[ScoreRequest] = []
        monkeypatch.setattr(score_run, "run_score", lambda typed: found.append(ScoreRequest.of(typed)))
        outcome = run("score", *words)
        assert outcome.code == 0, outcome.err
        return found[0]

    return call


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "theirs"], "--protocol 'theirs': expected one of aligned, paper."),
        (
            ["--normalise", "softmax"],
            "--normalise 'softmax': expected one of samrank, global, proportional, sum, rank, sink_removed, direct, "
            "renormalised, value_weighted, rollout.",
        ),
        (["--first-key", "sink"], "--first-key 'sink': expected one of first_token, bos, none."),
        (["--sink-share", "2"], "sink share 2.0: expected a share of the mass in (0, 1]."),
        (["--sink-share", "x"], "--sink-share 'x': expected a number, such as 0.5."),
        (["--impl", "cuda"], "--impl 'cuda': expected one of auto, reference, torch, triton."),
        (["--categories", "nltk"], "--categories 'nltk': expected one of none, auto, grammar, spacy, textblob."),
        (["--correctness", "yes"], "--correctness 'yes': expected one of none, strict, contain, valid, exact."),
        (["--batch-size", "0"], "--batch-size '0': expected a whole number, at least 1."),
        (["--seed", "-1"], "--seed '-1': expected a whole number, at least 0."),
        (["--layers", "x"], "--layers 'x': expected layers counted from 0, such as 0,3,5-7; or all, or last."),
        (["--layers", "1,,2"], "--layers '1,,2': expected layers counted from 0,"),
        (["--layers", "-1"], "--layers '-1': expected layers counted from 0,"),
        (["--layers", "5-3"], "--layers '5-3': 5-3 runs backwards; write 3-5."),
        (["--layers", "0-99999999999"], "--layers '0-99999999999': expected layers counted from 0,"),
        (["--task", "jsonl"], "--task jsonl needs a file; give it with --task-file."),
        (["--intervention", "mask"], "No such option: --intervention"),
    ],
)
def test_a_value_that_does_not_exist_is_answered_by_those_that_do(run: Run, words: list[str], message: str) -> None:
    assert run("score", *words).error.startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--protocol", "paper", "--keys", "premise"],
            "--keys with --protocol paper: that protocol leaves no choice; leave it out, or use --protocol aligned.",
        ),
        (
            ["--protocol", "paper", "--layers", "last", "--normalise", "samrank"],
            "--normalise, --layers with --protocol paper: that protocol leaves no choice; leave them out,",
        ),
        (["--protocol", "paper", "--categories", "auto"], "--categories with --protocol paper:"),
        (["--protocol", "paper", "--batch-size", "8"], "--batch-size with --protocol paper:"),
        (
            ["--protocol", "paper", "--task", "csv", "--task-file", "x.csv", "--seed", "1"],
            "--seed with --protocol paper and a file: nothing is drawn there; leave it out.",
        ),
        (
            ["--sink-share", "0.5"],
            "--sink-share acts with --normalise sink_removed or renormalised alone, and this one is direct; "
            "leave it out.",
        ),
        (["--first-key", "bos"], "--first-key acts with --normalise samrank or global or"),
        (["--normalise", "rollout", "--first-key", "none"], "--first-key acts with"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(run: Run, words: list[str], message: str) -> None:
    assert run("score", *words).error.startswith(message)


def test_options_that_act_are_taken(ask: Ask) -> None:
    request = ask("--normalise", "sink_removed", "--sink-share", "0.5", "--first-key", "bos", "--correctness", "valid")

    assert request.settings.normalise is Normalisation.SINK_REMOVED
    assert request.settings.first_key is FirstKey.BOS
    assert request.settings.sink_share == 0.5
    assert request.association is not None
    assert request.association.measure is Measure.VALID
    # where words are tagged the first key is a category of its own, whatever the score
    tagged = ask("--categories", "grammar", "--first-key", "none")
    assert tagged.settings.first_key is FirstKey.NONE
    assert ask("--protocol", "paper").settings.protocol is Protocol.PAPER


def test_proofs_that_are_generated_are_judged_and_files_are_not_unless_asked(ask: Ask) -> None:
    generated = ask().association

    assert generated is not None
    assert generated.measure is Measure.STRICT
    assert ask("--correctness", "none").association is None
    assert ask("--task", "jsonl", "--task-file", "x").association is None
    assert ask("--task", "jsonl", "--task-file", "x", "--correctness", "exact").association is not None
    assert ask("--protocol", "paper").association is None
    assert ask("--protocol", "paper", "--correctness", "strict").association is not None


def test_a_verdict_on_proofs_is_refused_where_the_task_has_none(ask: Ask) -> None:
    request = ask("--task", "jsonl", "--task-file", "x", "--correctness", "strict")

    with pytest.raises(SpecError, match="not made of proofs that can be judged; use exact"):
        request.check_task(made_up_task(1))
    request.check_task(prontoqa_task(n=1))
    ask("--task", "jsonl", "--task-file", "x", "--correctness", "exact").check_task(made_up_task(1))


@pytest.mark.parametrize(
    ("text", "layers"),
    [("all", None), ("last", (11,)), ("0", (0,)), ("5-7, 0,3", (0, 3, 5, 6, 7)), ("3,3,2-4", (2, 3, 4))],
)
def test_layers_are_read(ask: Ask, text: str, layers: tuple[int, ...] | None) -> None:
    assert ask("--layers", text).settings_for(made_up_task(1), 12).layers == layers


def test_a_layer_that_the_model_lacks_is_told_with_those_it_has(ask: Ask) -> None:
    with pytest.raises(SpecError, match=r"--layers '0-12': the model has layers 0 to 11; there is no 12\."):
        ask("--layers", "0-12").settings_for(made_up_task(1), 12)


def test_keys_are_the_best_that_the_task_knows_unless_asked(ask: Ask) -> None:
    known = made_up_task(2)
    bare = CollectedTask(
        name="bare",
        settings={},
        examples=tuple(Example(id=one.id, prompt=one.prompt, gold=one.gold) for one in known.examples),
    )

    assert ask().settings_for(known, 2).keys == "source_word"
    assert ask().settings_for(bare, 2).keys == "token_match"
    assert ask("--keys", "middle").settings_for(known, 2).keys == "middle"
    assert ask("--protocol", "paper").settings_for(known, 2).keys == "token_match"


def test_a_strangers_directory_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    assert "is a file; expected a directory for results" in run("score", "--model", "./no", "--out", "file").error
