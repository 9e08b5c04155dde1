"""The exceptions that attnprobe raises for a user's mistake or for a number that cannot be trusted.

    AttnprobeError
    ├── SpecError        a name, head, span or option that does not exist or does not fit another
    ├── TaskError        task data that cannot be read, or an empty task
    │   └── AlignmentError   text and tokens that cannot be matched
    ├── ModelError       a model that cannot be loaded, or an architecture that a backend cannot serve
    │   └── LivenessError    a hook that does not reach the model it was put on
    ├── PlanError        a plan that cannot be honoured, or that did not fire
    ├── EffectError      a metric that has no value on these runs
    ├── StatisticsError  too few or malformed samples
    ├── KernelError      a kernel that cannot take these inputs
    ├── RunError         an output directory that cannot be used
    └── TrainingError    a training run that cannot start or go on

Every message says what was given, what was expected, and what to do. The command line prints the message alone
and exits with code 2; anything that is not an `AttnprobeError` is a defect of ours and keeps its traceback.
"""


class AttnprobeError(Exception):
    """Root of everything that attnprobe raises on purpose."""


class SpecError(AttnprobeError):
    """A name, head, span or option does not exist, or does not fit the others."""


class TaskError(AttnprobeError):
    """Task data cannot be read, or holds nothing."""


class AlignmentError(TaskError):
    """Character spans and tokens of a text cannot be matched."""


class ModelError(AttnprobeError):
    """A model cannot be loaded, or a backend cannot serve its architecture."""


class LivenessError(ModelError):
    """A hook was accepted by a model but does not reach its computation."""


class PlanError(AttnprobeError):
    """A plan cannot be honoured on this model and these tokens, or an edit in it did not fire."""


class EffectError(AttnprobeError):
    """A metric has no value on these runs."""


class StatisticsError(AttnprobeError):
    """A statistic was asked for on too few or malformed samples."""


class KernelError(AttnprobeError):
    """A kernel cannot take these inputs, or the implementation asked for is not available."""


class RunError(AttnprobeError):
    """An output directory cannot be used."""


class TrainingError(AttnprobeError):
    """A training run cannot start or cannot go on."""
