"""The catalogue in the suite: which entries are run, what workers are asked, what its ledger holds, the phrase book."""

from __future__ import annotations

from reference.workloads import Workload

NAME = "catalogue"
# Observations and checks are filed under a workload; the catalogue's trains nothing and has no data.
WORKLOAD = Workload(
    name=NAME,
    dataset="none",
    train_examples=0,
    test_examples=0,
    image_shape=(0, 0),
    hidden_units=0,
    classes=0,
    learning_rate=0.0,
    batch_size=1,
    epochs=0,
    accuracy_threshold=0.0,
    parameters=(),
    modules={"tensorflow": "reference.tensorflow", "pytorch": "reference.pytorch"},
)
