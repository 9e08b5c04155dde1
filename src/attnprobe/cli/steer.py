"""`attnprobe steer`: answers that a model writes while its heads are edited.

In: options. Out: what `steer_run` makes of them. Only the signature and the help stand here.
"""

import typer

from attnprobe.cli import options, steer_options
from attnprobe.cli.typed import Typed


def steer(
    context: typer.Context,
    model: options.Model = None,
    backend: options.Backend = "auto",
    device: options.Device = None,
    dtype: options.Dtype = "auto",
    task: options.TaskName = "prontoqa",
    task_file: options.TaskFile = None,
    rule: options.Rule = "implication_elimination",
    hops: options.Hops = "2",
    shots: options.Shots = "0",
    distractors: options.Distractors = "relevant",
    n: options.Count = None,
    intervention: steer_options.Intervention = "mask",
    heads: steer_options.Heads = "L1H2",
    keys: steer_options.Keys = "",
    dynamic: steer_options.Dynamic = None,
    steps: steer_options.Steps = None,
    strength: options.Strength = "1",
    mass: steer_options.Mass = "0.9",
    ablation: steer_options.AblationKind = "zero",
    factor: options.Factor = "0",
    empty_row: options.EmptyRow = "raise",
    prompt_too: steer_options.PromptToo = False,
    donor: steer_options.Donor = None,
    correctness: steer_options.Correctness = "strict",
    max_new_tokens: steer_options.MaxNewTokens = None,
    decoding: steer_options.DecodingName = "auto",
    seed: options.Seed = "0",
    batch_size: steer_options.BatchSize = "64",
    out: steer_options.Out = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Let a model write its answers with heads edited at every token.

    With no options: a small model that ships with the package writes proofs
    while one of its heads may not look at the words that the next gold word
    comes from; beside it the same proofs unedited, with as many random words
    hidden, and with another head edited. Broken proofs are counted and tested.

    [bold]Examples[/bold]

    [cyan]attnprobe steer -n 24 --heads L1H2,L2H2[/cyan]

    [cyan]attnprobe steer --intervention force --mass 0.5 --keys premise -n 24[/cyan]

    [cyan]attnprobe steer --intervention ablate --ablation mean -n 24[/cyan]
    """
    # here, not above: it loads torch, and `--help` should not wait for that
    from attnprobe.cli.steer_run import run_steer

    run_steer(Typed.of(context))
