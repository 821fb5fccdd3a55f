"""Step imports: what must hold of the environment before anything is calculated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts.filing import exactly, file, holds
from conformance.judge.comparison import Comparison
from conformance.observations import Observation
from conformance.variants import EVALUATE, TRAIN

PACKAGES = {"tensorflow": ("tensorflow", "keras", "numpy"), "pytorch": ("torch", "torchvision", "numpy")}


def environment(case: Case, observed: Observation, threads: int) -> Iterator[Check]:
    """Versions are known, and device, thread count and default dtype are the ones asked for."""
    versions, settings = observed.facts["versions"], observed.facts["settings"]
    missing = [name for name in PACKAGES[case.framework] if not versions.get(name)]
    yield holds(
        case,
        Step.IMPORTS,
        "versions",
        not missing,
        f"no version of {', '.join(missing)} is known",
        elements=len(PACKAGES[case.framework]),
    )
    expected = {
        "device": case.device,
        "intra_op_threads": threads,
        "inter_op_threads": threads,
        "default_dtype": "float32",
        "deterministic": True,
        "tf32": False,
    }
    yield exactly(case, Step.IMPORTS, "settings", {name: settings.get(name) for name in expected}, expected)
    found = any(device.startswith(case.device) for device in observed.facts["devices"])
    yield holds(case, Step.IMPORTS, "device", found, f"{case.device} is not among {observed.facts['devices']}")


def variants(case: Case, observed: Observation) -> Iterator[Check]:
    """The variants planned for this framework are the ones that its steps offer."""
    planned = {
        "train": sorted({variant.name for variant in TRAIN if variant.framework == case.framework} - {"tutorial"}),
        "evaluate": sorted(EVALUATE[case.framework]),
    }
    yield exactly(case, Step.IMPORTS, "variants", observed.facts["variants"], planned)


def legacy_arguments(case: Case, spelling: str, observed: Observation) -> Iterator[Check]:
    """`SGD(lr=0.25)`, as the article's time wrote it, trains at 0.25, and so does today's spelling.

    Measured: how far the rate in force lies from the one asked for; infinite where the framework raised.
    """
    asked = float(observed.key.variant.partition("=")[2])
    raised = observed.facts["exception"]
    in_force = np.inf if raised else float(observed.facts["configuration"]["learning_rate"])
    deviation = abs(np.float32(in_force) - np.float32(asked)) if np.isfinite(in_force) else np.inf
    comparison = Comparison(
        verdict=Verdict.BREAK if deviation else Verdict.IDENTICAL,
        measured=float(deviation),
        allowed=0.0,
        where=Where("optimizer/learning_rate", value=str(in_force), other=str(asked)),
        elements=1,
        reason=_why(spelling, asked, in_force, raised) if deviation else "",
    )
    yield file(case, Step.IMPORTS, f"legacy_arguments/{spelling}", Kind.EXACT, comparison)


def _why(spelling: str, asked: float, in_force: float, raised: dict[str, str] | None) -> str:
    if raised:
        return f"SGD({spelling}={asked:g}) raised {raised['kind']}: {raised['message'].splitlines()[0]}"
    return f"SGD({spelling}={asked:g}) trains at {in_force:g}: the argument is ignored"
