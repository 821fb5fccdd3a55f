"""The ways in which each framework can run a step: their names, how much of the job each runs, what each needs."""

from __future__ import annotations

from dataclasses import dataclass

from reference.workloads import Workload


@dataclass(frozen=True)
class Variant:
    """One way to train. `complete` ones run the whole job in every run, the others one epoch unless `full`.

    `examples` limits a variant that is too slow for an epoch; `counterpart` names the variant of the same
    framework whose weights it must reproduce to the bit, where the mathematics is done in the same order;
    `reports_steps` says whether it tells the loss of every step; `epoch_means`, whether the
    loss it tells of an epoch is the mean over examples; `sums_in_float32`, whether it takes that mean in float32,
    as Keras does, and not in Python's numbers; `records`, when its weights can be seen: after
    `steps`, `epochs`, or at the `end`.
    """

    name: str
    framework: str
    preprocessing: str = "outside"
    complete: bool = False
    examples: int | None = None
    counterpart: str | None = None
    reports_steps: bool = True
    epoch_means: bool = True
    sums_in_float32: bool = False
    records: str = "steps"
    full: bool = False

    @property
    def label(self) -> str:
        """The variant's name in ids and file names."""
        inside = "-inside" if self.preprocessing == "inside" else ""
        return self.name + inside + ("-full" if self.full else "")

    def epochs(self, workload: Workload) -> int:
        """How many epochs of the workload this variant runs."""
        return workload.epochs if self.complete or self.full else 1

    def steps(self, workload: Workload) -> int:
        """How many optimizer updates it makes."""
        if self.examples is None:
            return workload.steps_per_epoch * self.epochs(workload)
        return -(-min(self.examples, workload.train_examples) // workload.batch_size)

    def recordable(self, workload: Workload) -> list[int]:
        """The training steps after which its weights are recorded: 1, 2, 4, ..., an epoch's last, its last."""
        epoch, last = workload.steps_per_epoch, self.steps(workload)
        if self.records == "end":
            return [last]
        steps = {*doubling(min(epoch, last)), *doubling(last)}
        return sorted(step for step in steps if self.records == "steps" or step % epoch == 0)


def doubling(last: int) -> list[int]:
    """1, 2, 4, ... below `last`, and `last`."""
    return [*(1 << power for power in range(last.bit_length()) if 1 << power < last), last]


TRAIN = (
    Variant("tape", "tensorflow", complete=True),
    Variant("fit", "tensorflow", counterpart="tape", reports_steps=False, sums_in_float32=True),
    Variant("train_step", "tensorflow", counterpart="tape", sums_in_float32=True),
    Variant("eager", "tensorflow", examples=64 * 64),
    Variant("epoch_graph", "tensorflow", records="epochs"),
    Variant("epoch_xla", "tensorflow", records="epochs"),
    Variant("tape", "tensorflow", preprocessing="inside"),
    Variant("tutorial", "tensorflow", reports_steps=False, sums_in_float32=True, records="end"),
    Variant("tensors", "pytorch", complete=True),
    Variant("loader", "pytorch", counterpart="tensors"),
    Variant("compiled", "pytorch"),
    Variant("tensors", "pytorch", preprocessing="inside"),
    Variant("tutorial", "pytorch", epoch_means=False, records="end"),
    Variant("float32", "numpy", complete=True, sums_in_float32=True),
)
FULL = tuple(
    Variant(**{**vars(variant), "full": True}) for variant in TRAIN if not variant.complete and variant.examples is None
)
EVALUATE = {
    "tensorflow": ("evaluate",),
    "pytorch": ("image_by_image", "batched"),
    "numpy": ("batched",),
}
EVALUATE_SUMS_IN_FLOAT32 = ("evaluate",)
FASTEST = {"tensorflow": "epoch_graph", "pytorch": "tensors", "numpy": "float32"}
# The many native runs take the first of these that can run: torch.compile needs a C++ compiler.
NATIVE = {"tensorflow": ("epoch_graph",), "pytorch": ("compiled", "tensors"), "numpy": ("float32",)}


def train_variant(framework: str, label: str) -> Variant:
    """The variant with this label. Raises KeyError where the framework has none."""
    for variant in (*TRAIN, *FULL):
        if variant.framework == framework and variant.label == label:
            return variant
    raise KeyError(f"{framework} has no train variant {label!r}")


def complete_variant(framework: str) -> Variant:
    """The variant of the framework that runs the whole job in every run."""
    return next(variant for variant in TRAIN if variant.framework == framework and variant.complete)


def counterpart_of(variant: Variant | None) -> Variant:
    """The complete variant whose weights this one must reproduce to the bit."""
    assert variant is not None
    return next(other for other in TRAIN if other.framework == variant.framework and other.name == variant.counterpart)
