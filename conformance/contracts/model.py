"""Step model: what must hold of parameters, initialisation, and outputs from given weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from conformance import initial_weights
from conformance.cases import Case
from conformance.checks import Check, Kind, Step
from conformance.contracts import filing
from conformance.contracts.filing import exactly, file, rounded, statistical
from conformance.judge import exact, initialisation
from conformance.observations import Observation
from conformance.observer.model import DRAWS
from conformance.subjects import BUILT_IN
from reference.workloads import Parameter, Workload

OUTPUTS = (
    *("model/logits", "model/probabilities", "model/inside/logits"),
    *("model/with_biases/logits", "model/with_biases/probabilities"),
)


def parameter_count(case: Case, observed: Observation) -> Iterator[Check]:
    """The framework's own count per layer, and in all, is the architecture's."""
    expected: dict[str, int] = {}
    for parameter in case.workload.parameters:
        layer = parameter.name.partition("/")[0]
        expected[layer] = expected.get(layer, 0) + int(np.prod(parameter.shape))
    found = {name: count for name, count in observed.facts["layers"].items() if count}
    yield exactly(case, Step.MODEL, "parameter_count", found, expected)
    yield exactly(case, Step.MODEL, "parameter_total", sum(found.values()), sum(expected.values()))


def parameter_shapes(case: Case, observed: Observation) -> Iterator[Check]:
    """After layout mapping, every parameter has the workload's shape."""
    expected = {parameter.name: parameter.shape for parameter in case.workload.parameters}
    prefix = "model/shipped/0/"
    found = {
        name.removeprefix(prefix): observed.tensors[name].shape for name in observed.tensors if name.startswith(prefix)
    }
    yield exactly(case, Step.MODEL, "parameter_shapes", found, expected)


def parameters_used(case: Case, observed: Observation) -> Check:
    """Every parameter has a say: the outputs change with it. Outputs from biases of 0 would hide one left out."""
    expected = {parameter.name: True for parameter in case.workload.parameters}
    return exactly(case, Step.MODEL, "parameters_used", observed.facts["used"], expected)


def dtypes(case: Case, observed: Observation, other: Observation | None = None) -> Check:
    """The outputs have the dtypes of the other side, or else float32."""
    return filing.dtypes(case, Step.MODEL, OUTPUTS, observed, other)


def weights_taken(case: Case, observed: Observation) -> Iterator[Check]:
    """The model holds the weights that it was given, bit for bit: outputs do not show those behind black pixels."""
    for name, given in initial_weights.draw(case.workload, case.seed or 0).items():
        contract = f"initial_weights/{name}"
        comparison = exact.compare(f"model/{contract}", observed.tensors[f"model/{contract}"], given)
        yield file(case, Step.MODEL, contract, Kind.EXACT, comparison)


def seeding(case: Case, observed: Observation) -> Check:
    """The same seed draws the same initial weights again, and another one others.

    What is shipped may be the same for every seed: the oracle's, and that of a user's model that brings its weights.
    """
    sources = ("shipped", "glorot") if case.has_oracle and case.framework not in BUILT_IN else ("glorot",)
    names = [(source, name) for source in sources for name in ("repeats", "differs")]
    found = {f"{source} {name}": observed.facts["seeding"][source][name] for source, name in names}
    return exactly(case, Step.MODEL, "seeding", found, dict.fromkeys(found, True))


def outputs(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """Logits and probabilities of all test images, and of the first ones where no bias is 0, lie within rounding."""
    for name in OUTPUTS:
        yield rounded(case, Step.MODEL, name, observed, other, oracle, oracle_name=name.replace("inside/", ""))


def shipped_laws(framework: str, workload: Workload) -> dict[str, initialisation.Law]:
    """The documented law of every parameter as the framework ships it.

    Keras: Glorot uniform kernels, zero biases (keras.layers.Dense). PyTorch: uniform ±1/sqrt(fan_in) for both
    (torch.nn.Linear).
    """
    if framework == "tensorflow":
        return glorot_laws(workload)
    return {
        parameter.name: initialisation.torch_linear(_fan_in(parameter, workload)) for parameter in workload.parameters
    }


def glorot_laws(workload: Workload) -> dict[str, initialisation.Law]:
    """Glorot uniform kernels and zero biases."""
    return {
        parameter.name: initialisation.ZEROS
        if parameter.initializer == "zeros"
        else initialisation.glorot_uniform(*parameter.fans)
        for parameter in workload.parameters
    }


def _fan_in(parameter: Parameter, workload: Workload) -> int:
    layer = parameter.name.partition("/")[0]
    return next(p.fans[0] for p in workload.parameters if p.name == f"{layer}/kernel")


def initialisations(case: Case, observed: Observation) -> Iterator[Check]:
    """The framework's own initial weights follow its documented laws, and Glorot's where asked for.

    What a user's model starts from is not documented, so it is held to Glorot's alone.
    """
    laws_of = {"glorot": glorot_laws(case.workload)}
    if case.has_oracle:
        laws_of["shipped"] = shipped_laws(case.framework, case.workload)
    for source, laws in laws_of.items():
        samples = {
            name: np.stack([observed.tensors[f"model/{source}/{number}/{name}"] for number in range(DRAWS)])
            for name in laws
        }
        yield from _follow(case, source, samples, laws)


def _follow(
    case: Case, source: str, samples: Mapping[str, np.ndarray], laws: Mapping[str, initialisation.Law]
) -> Iterator[Check]:
    for result in initialisation.judge_initialisation(samples, laws):
        contract, tensor = f"initialisation/{source}/{result.name}", f"model/{source}/{result.name}"
        yield statistical(case, Step.MODEL, contract, result, tensor, law=result.law)
