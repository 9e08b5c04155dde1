"""Attention by part of speech: mass between categories, and mass on the category that comes next.

In: a model, a task and a tagger. Out: `CategoryResult`. One forward pass an example and one product a layer; nothing
of size T x T is kept.
"""

from collections.abc import Callable, Sequence
from functools import partial

from attnprobe.attention.category_frames import category_result
from attnprobe.attention.category_result import CategoryResult
from attnprobe.attention.category_subject import CategoryLayer, CategorySubject, category_subjects
from attnprobe.attention.groups import chunks, impl_name, key_mass, layers_of, mean_mass
from attnprobe.attention.queries import Queries
from attnprobe.attention.query_keys import own_mass
from attnprobe.attention.settings import ScoreSettings
from attnprobe.models.model import Model
from attnprobe.plan import LayerAttention, Plan, Stream, Tokens
from attnprobe.tasks import Task
from attnprobe.tasks.parts_of_speech import Tagger, tagger_for

Progress = Callable[[int, int], None]


def score_categories(
    model: Model,
    task: Task,
    settings: ScoreSettings | None = None,
    *,
    tagger: Tagger | None = None,
    queries: Queries = Queries.PREDICTING,
    progress: Progress | None = None,
) -> CategoryResult:
    """Measure which parts of speech every head attends to, and whether it attends to the one that comes next.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: layers, first key, seed, batch size and kernels; what it says of keys and normalisation plays no part,
            since masses are direct. With `FirstKey.FIRST_TOKEN` the first token is a category of its own, so that a
            sink is not called a determiner.
        tagger: who says what a word is; None: `tagger_for(task)`.
        queries: which positions look.
        progress: called with (examples done, examples in all).

    Raises:
        SpecError: a layer does not exist, or an example is longer than the model's context.
        TaskError: no example has a query whose next token begins a word that the tagger knows.

    Source: ours. That right chains of thought go with attention to the right part of speech is a claim of arXiv
        2502.15120, made by eye on one prompt.
    """
    settings = settings or ScoreSettings()
    tagger = tagger_for(task) if tagger is None else tagger
    layers = layers_of(settings, model.dims.n_layers)
    subjects, categories = category_subjects(model, task, settings, tagger, Queries(queries), layers)
    found: list[tuple[CategoryLayer, ...]] = []
    for batch in chunks(len(subjects), settings.batch_size):
        chosen = [subjects[index] for index in batch]
        statistic = partial(_layer, chosen, model.dims.windows, settings)
        streams = tuple(Stream(layer=layer, statistic=statistic) for layer in layers)
        tokens = Tokens.of([subject.aligned.ids for subject in chosen])
        run = model.forward(tokens, Plan(streams=streams, last_logits=0))
        found.extend(zip(*run.streamed, strict=True))
        if progress is not None:
            progress(batch.stop, len(subjects))
    return category_result(
        settings=settings,
        queries=Queries(queries),
        tagger=tagger.name,
        categories=categories,
        layers=layers,
        windows=model.dims.windows,
        subjects=subjects,
        found=found,
        n_heads=len(model.dims.heads),
    )


def _layer(
    subjects: Sequence[CategorySubject],
    windows: Sequence[int | None],
    settings: ScoreSettings,
    attention: LayerAttention,
) -> tuple[CategoryLayer, ...]:
    groups = [subject.groups for subject in subjects]
    mass = key_mass(attention, groups, settings.impl)
    means = mean_mass(attention, groups, mass)
    asked = [subject.next_by_window[windows[attention.layer]] for subject in subjects]
    control = own_mass(attention, [one.controls for one in asked], settings.impl)
    impl = impl_name(attention, settings.impl)
    found: list[CategoryLayer] = []
    for row, one in enumerate(asked):
        columns = [attention.tokens.padding(row) + position for position in one.positions]
        own = mass[row][:, columns].double().cpu().numpy()
        score, nulls = one.masses(own, control[row])
        found.append(CategoryLayer(mass=means[row], score=score, nulls=nulls, impl=impl))
    return tuple(found)
