"""`attnprobe patch`: which heads carry a model's reasoning.

In: options. Out: what `patch_run` makes of them. Only the signature and the help stand here.
"""

import typer

from attnprobe.cli import options, set_options
from attnprobe.cli.typed import Typed


def patch(
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
    intervention: options.Intervention = "mask",
    keys: options.Keys = None,
    queries: options.Queries = None,
    heads: options.Heads = "all",
    strength: options.Strength = "1",
    mass: options.Mass = "0.9",
    doses: options.Doses = None,
    step: options.Step = None,
    readout: options.Readout = "own",
    empty_row: options.EmptyRow = "raise",
    ablation: options.AblationKind = "zero",
    site: options.SiteName = None,
    donor: options.Donor = None,
    direction: options.DirectionName = "clean_to_corrupted",
    factor: options.Factor = "0",
    unequal_spans: options.UnequalSpans = "last",
    set: set_options.Sets = None,
    top_k: set_options.TopHeads = None,
    greedy: set_options.Greedy = None,
    min_gain: set_options.MinGain = "0.01",
    all_but: set_options.AllBut = False,
    random_sets: set_options.RandomSets = "8",
    metric: options.MetricName = "gold_logprob",
    control: options.Control = None,
    placebo: options.Placebo = False,
    seed: options.Seed = "0",
    batch_size: options.BatchSize = "64",
    out: options.Out = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Edit a model head by head and measure what it does to the gold proof.

    With no options: in a small model that ships with the package, mask each
    head's attention from the positions that predict gold words to the words
    they come from, against matched controls, on generated proofs.

    [bold]Examples[/bold]

    [cyan]attnprobe patch -n 16 --heads L0H0,L1H1[/cyan]

    [cyan]attnprobe patch --intervention ablate --metric logit_diff -n 16[/cyan]

    [cyan]attnprobe patch --intervention patch --metric recovery --site z -n 16[/cyan]

    [cyan]attnprobe patch --set L1H2,L2H2 --set all -n 8[/cyan]

    [cyan]attnprobe patch --intervention force --doses 0.25,0.5,1 -n 8[/cyan]

    [cyan]attnprobe patch --intervention transplant --model zoo:pronto-144k-untaught \\
        --donor zoo:pronto-144k-taught --rule proof_by_contradiction --hops 1 -n 16[/cyan]
    """
    # here, not above: it loads torch, and `--help` should not wait for that
    from attnprobe.cli.patch_run import run_patch

    run_patch(Typed.of(context, several=("set",)))
