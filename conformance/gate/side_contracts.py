"""The contracts of the suite, applied to one side of a gate: what must hold of it alone, and against the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from conformance.cases import Case
from conformance.checks import Check, Kind, Step
from conformance.contracts import data, evaluate, imports, model, objective, train
from conformance.contracts.filing import file
from conformance.gate.plan import SPELLINGS, tutorial_label, variants
from conformance.gate.records import Records, Unobserved
from conformance.judge.comparison import broken
from conformance.observations import Key, Observation
from conformance.variants import Variant, complete_variant, counterpart_of

Contract = Callable[[], Iterable[Check]]


@dataclass(frozen=True)
class View:
    """The observations of one case: its own records, those of the other side where there is one, the oracle's."""

    case: Case
    records: Records
    oracle: Records

    def of(self, operation: str, variant: str = "") -> Observation:
        """What the operation showed of the case's framework. Raises Unobserved."""
        return self.records.get(self.key(operation, variant))

    def trained(self, variant: Variant | None = None) -> Observation:
        """The training run of the variant, or of the complete one. Raises Unobserved."""
        return self.of("train", (variant or complete_variant(self.case.framework)).label)

    def ensemble(self) -> Observation:
        """The oracle's run with its ensemble's deviations. Raises Unobserved."""
        return self.oracle.get(self._oracle_key("ensemble"))

    def arbiter(self) -> Observation:
        """What says how far the sides may lie apart: the ensemble, or that of the framework itself without oracle.

        Raises Unobserved.
        """
        own = not self.case.has_oracle
        return self.oracle.get(self.key("self_ensemble")) if own else self.ensemble()

    def oracle_data(self) -> Observation:
        """The data as the oracle reads it. Raises Unobserved."""
        return self.oracle.get(self._oracle_key("data"))

    def key(self, operation: str, variant: str = "") -> Key:
        """The key of an observation of the case's framework."""
        case = self.case
        return Key(case.workload.name, case.framework, operation, variant, case.seed or 0, case.device)

    def _oracle_key(self, operation: str) -> Key:
        if not self.case.has_oracle:
            raise Unobserved(self.key(operation))
        return Key(self.case.workload.name, "oracle", operation, "", self.case.seed or 0)


def side_checks(view: View, threads: int) -> Iterator[Check]:
    """Every check of one framework of one side."""
    alone = view.case
    yield from applied(alone, Step.IMPORTS, lambda: imports.environment(alone, view.of("imports"), threads))
    yield from applied(alone, Step.DATA, lambda: data.batches(alone, view.of("data")))
    yield from applied(alone, Step.MODEL, lambda: model.parameter_count(alone, view.of("model")))
    yield from applied(alone, Step.MODEL, lambda: model.parameter_shapes(alone, view.of("model")))
    yield from applied(alone, Step.MODEL, lambda: model.weights_taken(alone, view.of("model")))
    yield from applied(alone, Step.MODEL, lambda: [model.parameters_used(alone, view.of("model"))])
    yield from applied(alone, Step.MODEL, lambda: [model.seeding(alone, view.of("model"))])
    if alone.has_oracle:
        yield from _reference_checks(view)
    for variant in variants(alone.workload, alone.framework):
        yield from _trained(view, variant)
    complete = replace(alone, variant=complete_variant(alone.framework))
    yield from applied(complete, Step.TRAIN, lambda: _repeatable(view, complete))


def _reference_checks(view: View) -> Iterator[Check]:
    """What is known of the reference, and may be otherwise where a user's module replaces a part of it."""
    alone = view.case
    against = replace(alone, partner="oracle")
    yield from applied(alone, Step.IMPORTS, lambda: imports.variants(alone, view.of("imports")))
    yield from applied(against, Step.DATA, lambda: data.equality(against, view.of("data"), view.oracle_data()))
    yield from applied(alone, Step.DATA, lambda: data.shapes(alone, view.of("data")))
    yield from applied(alone, Step.DATA, lambda: data.values(alone, view.of("data")))
    yield from applied(alone, Step.DATA, lambda: data.shuffled(alone, view.of("data")))
    yield from applied(alone, Step.DATA, lambda: data.in_order(alone, view.of("data"), view.oracle_data()))
    yield from applied(alone, Step.DATA, lambda: data.preprocessing_inside(alone, view.of("data")))
    yield from applied(alone, Step.MODEL, lambda: model.initialisations(alone, view.of("model")))
    yield from applied(alone, Step.MODEL, lambda: [model.dtypes(alone, view.of("model"))])
    yield from applied(alone, Step.OBJECTIVE, lambda: [objective.dtypes(alone, view.of("objective"))])
    yield from applied(
        against, Step.MODEL, lambda: model.outputs(against, view.of("model"), view.ensemble(), view.ensemble())
    )
    yield from applied(alone, Step.OBJECTIVE, lambda: objective.configuration(alone, view.of("objective")))
    yield from applied(
        against,
        Step.OBJECTIVE,
        lambda: objective.first_batch(against, view.of("objective"), view.ensemble(), view.ensemble()),
    )
    for spelling in SPELLINGS[alone.framework]:
        yield from _legacy(view, spelling)
    yield from applied(against, Step.EVALUATE, lambda: _evaluated(view, against))


def _legacy(view: View, spelling: str) -> Iterator[Check]:
    label = tutorial_label(spelling)
    yield from applied(
        view.case,
        Step.OBJECTIVE,
        lambda: objective.legacy_arguments(view.case, spelling, view.of("tutorial", label)),
    )


def _trained(view: View, variant: Variant) -> Iterator[Check]:
    """What must hold of one train variant."""
    alone = replace(view.case, variant=variant)
    against = replace(alone, partner="oracle")
    yield from applied(
        against, Step.TRAIN, lambda: train.losses(against, view.trained(variant), view.ensemble(), view.ensemble())
    )
    yield from applied(
        against, Step.TRAIN, lambda: train.weights(against, view.trained(variant), view.ensemble(), view.ensemble())
    )
    yield from applied(alone, Step.TRAIN, lambda: train.final_weights(alone, view.trained(variant)))
    yield from applied(alone, Step.TRAIN, lambda: train.loss_decreases(alone, view.trained(variant)))
    if variant.counterpart:
        yield from applied(
            alone,
            Step.TRAIN,
            lambda: train.same_bits(
                alone, "same_as_counterpart", view.trained(variant), view.trained(counterpart_of(variant))
            ),
        )
    yield from applied(alone, Step.EVALUATE, lambda: evaluate.accuracy_recomputed(alone, view.trained(variant)))
    yield from applied(alone, Step.EVALUATE, lambda: evaluate.loss_decreases(alone, view.trained(variant)))


def _repeatable(view: View, case: Case) -> Iterator[Check]:
    again = view.of("repeat", complete_variant(case.framework).label)
    return train.repeats(case, again, view.trained())


def _evaluated(view: View, case: Case) -> Iterator[Check]:
    observed, oracle = view.trained(), view.ensemble()
    yield from evaluate.logits(case, observed, oracle, oracle)
    yield from evaluate.predicted(case, observed, oracle, oracle)
    yield from evaluate.loss_recomputed(case, observed, oracle)


def applied(case: Case, step: Step, contract: Contract) -> list[Check]:
    """The contract's checks; none where an observation is missing, whose failure is a check of its own.

    An observation of a form that the contract cannot read is a break.
    """
    taken: list[Check] = []
    try:
        taken.extend(contract())
    except Unobserved:
        return taken
    except Exception as error:
        reason = f"cannot be judged: {type(error).__name__}: {error}"
        taken.append(file(case, step, "unreadable", Kind.EXACT, broken(str(step), reason)))
    return taken
