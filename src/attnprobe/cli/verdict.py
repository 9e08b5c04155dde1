"""`attnprobe verdict`: does attention cause right proofs?

In: options. Out: what `verdict_run` makes of them. Only the signature and the help stand here.
"""

import typer

from attnprobe.cli import options, verdict_options
from attnprobe.cli.typed import Typed


def verdict(
    context: typer.Context,
    model: verdict_options.Model = None,
    backend: options.Backend = "auto",
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    task: options.TaskName = "prontoqa",
    task_file: options.TaskFile = None,
    rule: options.Rule = "implication_elimination",
    hops: options.Hops = "2",
    shots: options.Shots = "0",
    distractors: options.Distractors = "relevant",
    n: verdict_options.Count = None,
    preset: verdict_options.Preset = "quick",
    heads: verdict_options.Heads = "aligned",
    keys: verdict_options.Keys = "source_word",
    margin: verdict_options.Margin = "0.1",
    dose: verdict_options.Dose = "0.5",
    donor: verdict_options.Donor = None,
    answers: verdict_options.Answers = True,
    correctness: verdict_options.Correctness = "strict",
    empty_row: verdict_options.EmptyRow = "raise",
    min_nats: verdict_options.MinNats = "0.1",
    min_accuracy: verdict_options.MinAccuracy = "0.05",
    min_auroc: verdict_options.MinAuroc = "0.55",
    min_recovery: verdict_options.MinRecovery = "0.1",
    placebo: verdict_options.Placebo = False,
    seed: options.Seed = "0",
    batch_size: options.BatchSize = "64",
    out: verdict_options.Out = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say whether attention to the gold source keys causes right proofs.

    With no options: in a small model that ships with the package, find the
    heads that attend to the words which gold words come from, on half of the
    examples; then test them on the other half, each test against a control:
    association, necessity, sufficiency, mediation. Four verdicts by rules that
    are stated beforehand, and one page. About half a minute.

    [bold]Examples[/bold]

    [cyan]attnprobe verdict --model zoo:elimination-144k -n 96[/cyan]

    [cyan]attnprobe verdict --heads all --keys premise -n 48[/cyan]

    [cyan]attnprobe verdict --no-answers -n 48[/cyan]
    """
    # here, not above: it loads torch, and `--help` should not wait for that
    from attnprobe.cli.verdict_run import run_verdict

    run_verdict(Typed.of(context))
