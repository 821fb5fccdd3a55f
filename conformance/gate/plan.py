"""What a gate observes of each side, in the order in which it is observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conformance.cases import has_oracle
from conformance.checks import Step
from conformance.gate.request import SIDES
from conformance.observations import Key
from conformance.variants import TRAIN, Variant, complete_variant
from reference.workloads import Workload

CATALOGUE = "catalogue"
LEARNING_RATE_ASKED = 0.25
SPELLINGS = {"tensorflow": ("lr", "learning_rate"), "pytorch": ("lr",)}
STEP_OF = {
    "imports": Step.IMPORTS,
    "data": Step.DATA,
    "model": Step.MODEL,
    "checkpoint_save": Step.MODEL,
    "checkpoint_load": Step.MODEL,
    "objective": Step.OBJECTIVE,
    "tutorial": Step.OBJECTIVE,
    "train": Step.TRAIN,
    "repeat": Step.TRAIN,
    "native": Step.EVALUATE,
    "self_ensemble": Step.TRAIN,
}
"""The step under which an operation's failure is filed."""


def is_wanted(name: str, only: str) -> bool:
    """Whether `only` asks for checks whose `step/contract` begins with `name`, or for a part of them."""
    if only == CATALOGUE:
        return f"/{CATALOGUE}/" in name
    return name.startswith(only) or only.startswith(f"{name}/")


def _step_of(only: str) -> str:
    """The step asked for, or `catalogue` where no more of it is; empty for everything."""
    step, _, contract = only.partition("/")
    return CATALOGUE if contract.partition("/")[0] == CATALOGUE else step


def side_plan(workload: Workload, framework: str, device: str, seed: int, only: str = "") -> Iterator[Key]:
    """The observations of one framework of one side, the quickest to tell first; those of one step with `only`."""
    wanted = _step_of(only)

    def key(operation: str, variant: str = "") -> Key:
        return Key(workload.name, framework, operation, variant, seed, device)

    complete = complete_variant(framework)
    yield key("imports")
    for operation in ("data", "model", "objective"):
        if wanted in ("", operation):
            yield key(operation)
    if wanted in ("", Step.MODEL):
        yield key("checkpoint_save")
    if wanted in ("", Step.OBJECTIVE) and has_oracle(workload, framework):
        yield from (key("tutorial", tutorial_label(spelling)) for spelling in SPELLINGS[framework])
    if wanted in ("", Step.TRAIN, Step.EVALUATE):
        yield key("train", complete.label)
    if wanted in ("", Step.TRAIN):
        yield key("repeat", complete.label)
        for variant in variants(workload, framework):
            if variant != complete:
                yield key("train", variant.label)


def variants(workload: Workload, framework: str) -> list[Variant]:
    """The ways to train that a gate observes; the tutorial trains the article's model, so no other."""
    own = has_oracle(workload, framework)
    return [variant for variant in TRAIN if variant.framework == framework and (own or variant.name != "tutorial")]


def exchange_plan(workload: Workload, framework: str, device: str, seed: int, only: str = "") -> Iterator[Key]:
    """Loading the checkpoints of both sides, once these are saved."""
    if _step_of(only) in ("", Step.MODEL):
        for saver in SIDES:
            yield Key(workload.name, framework, "checkpoint_load", loaded_label(saver), seed, device)


def loaded_label(saver: str) -> str:
    """The variant under which the loading of a side's checkpoints is filed."""
    return f"from-{saver}"


def tutorial_label(spelling: str) -> str:
    """The variant under which the tutorial with this spelling of the learning rate is filed."""
    return f"{spelling}={LEARNING_RATE_ASKED:g}"


def arbiter_plan(
    workload: Workload, frameworks: Sequence[str], device: str, seed: int, only: str = ""
) -> Iterator[Key]:
    """What serves both sides: the oracle, or how far the framework strays from itself where there is none."""
    wanted = _step_of(only)
    if wanted in (Step.IMPORTS, CATALOGUE):
        return
    if any(has_oracle(workload, framework) for framework in frameworks):
        if wanted in ("", Step.DATA):
            yield Key(workload.name, "oracle", "data", "", seed)
        if wanted != Step.DATA:
            yield Key(workload.name, "oracle", "ensemble", "", seed)
    if wanted != Step.DATA:
        for framework in frameworks:
            if not has_oracle(workload, framework):
                yield Key(workload.name, framework, "self_ensemble", "", seed, device)


def locked(workload: Workload) -> Workload:
    """The workload as a gate runs it: for one epoch where it has no oracle, for its 16 runs take their time."""
    complete = all(has_oracle(workload, framework) for framework in workload.modules)
    return workload if complete else replace(workload, epochs=1)
