"""A check: one contract applied once, with its verdict, what was measured, and what was allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The six steps of programming a neural network, in their order."""

    IMPORTS = "imports"
    DATA = "data"
    MODEL = "model"
    OBJECTIVE = "objective"
    TRAIN = "train"
    EVALUATE = "evaluate"


class Kind(StrEnum):
    """How a check decides."""

    EXACT = "exact"
    ROUNDING = "rounding"
    SELF_CONSISTENCY = "self-consistency"
    STATISTICAL = "statistical"


class Verdict(StrEnum):
    """What a check found, from best to worst."""

    IDENTICAL = "identical"
    ROUNDING = "rounding"
    DRIFT = "drift"
    BREAK = "break"

    @property
    def rank(self) -> int:
        """0 for the best verdict, rising."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Where:
    """The place of the largest violation (or, where nothing is violated, of the largest difference)."""

    tensor: str
    index: tuple[int, ...] = ()
    training_step: int | None = None
    value: float | str | None = None
    other: float | str | None = None
    oracle: float | str | None = None


@dataclass(frozen=True)
class Check:
    """One contract applied to one observation, or to a pair.

    `measured` and `allowed` are in the unit of the tensor compared (0 allowed: exact); `elements` counts the
    numbers that were really compared. `subjects` names the sides, such as `("tensorflow", "oracle")`.
    """

    step: Step
    contract: str
    kind: Kind
    subjects: tuple[str, ...]
    verdict: Verdict
    workload: str
    framework: str
    variant: str = ""
    seed: int | None = None
    device: str = "cpu"
    measured: float | None = None
    allowed: float | None = None
    where: Where | None = None
    elements: int = 0
    reason: str = ""
    ledger_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The check's name, unique within a run: `train/losses[mnist_mlp-pytorch-vs-oracle-loader-0-cpu]`."""
        parts = [self.workload, "-vs-".join(self.subjects) or self.framework, self.variant]
        parts += [] if self.seed is None else [str(self.seed)]
        return f"{self.step}/{self.contract}[{'-'.join(part for part in (*parts, self.device) if part)}]"

    @property
    def failed(self) -> bool:
        """Whether the check stands outside what is allowed and no ledger entry accepts it."""
        return self.verdict in (Verdict.DRIFT, Verdict.BREAK) and self.ledger_id is None

    def accepted_by(self, ledger_id: str) -> Check:
        """The same check, accepted by a ledger entry."""
        return replace(self, ledger_id=ledger_id)

    def as_dict(self) -> dict[str, Any]:
        """The check as it stands in verdict.json, apart from the form of non-finite numbers."""
        return {"id": self.id, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Check:
        """The check that `as_dict` described, possibly after a journey through JSON."""
        values = {key: value for key, value in values.items() if key != "id"}
        where = values.get("where")
        if where is not None:
            where = Where(**{**where, "index": tuple(where["index"])})
        return cls(
            **{
                **values,
                "step": Step(values["step"]),
                "kind": Kind(values["kind"]),
                "verdict": Verdict(values["verdict"]),
                "subjects": tuple(values["subjects"]),
                "where": where,
            }
        )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the verdicts; `identical` of none."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.IDENTICAL)
