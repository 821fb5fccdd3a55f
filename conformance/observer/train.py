"""Steps train and evaluate: one variant from given weights, recorded on the way, then judged on the test images."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.workloads import Workload

from .failing import at_step
from .memory import peak_bytes
from .session import Session, own_weights


class Recorder:
    """Collects the loss of every step, and the weights at the steps asked for."""

    def __init__(self, steps: Any, model: Any, record_steps: Sequence[int]) -> None:
        self._steps = steps
        self._model = model
        self._record_steps = frozenset(record_steps)
        self.values: list[float] = []
        self.weights: dict[str, np.ndarray] = {}

    def losses_only(self, last_step: int, losses: Sequence[float]) -> None:
        """Take the losses since the previous call."""
        self.values.extend(losses)

    def __call__(self, last_step: int, losses: Sequence[float]) -> None:
        """Take the losses since the previous call, and the weights if this is a step to record."""
        self.losses_only(last_step, losses)
        if last_step in self._record_steps:
            for name, array in self._steps.get_weights(self._model).items():
                self.weights[f"train/weights/{last_step:06d}/{name}"] = array

    def losses(self) -> np.ndarray:
        """The losses of all steps, float32, shape (steps,); empty where the variant does not tell them."""
        return np.asarray(self.values, dtype=np.float32)


def _variant(session: Session, arguments: dict[str, Any]) -> Callable[..., Sequence[float]]:
    """The function that trains; the tutorial, which builds all by itself, hands its weights over at the end."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    if arguments["variant"] != "tutorial":
        variant: Callable[..., Sequence[float]] = steps.variants("train")[arguments["variant"]]
        return variant
    run = importlib.import_module(f"reference.{session.framework}.tutorial").run

    def tutorial(model: Any, *unused: Any, epochs: int, on_steps: Recorder, **also_unused: Any) -> Sequence[float]:
        outcome = run(
            workload,
            arguments["data_directory"],
            weights=steps.get_weights(model),
            epochs=epochs,
            on_steps=on_steps.losses_only,
        )
        steps.set_weights(model, outcome["weights"])
        on_steps(arguments["record_steps"][-1], [])
        epoch_losses: Sequence[float] = outcome["epoch_losses"]
        return epoch_losses

    return tutorial


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train `variant` for `epochs` over the first `examples` examples, then predict all test images.

    Tensors: `train/losses` (steps,), `train/epoch_losses` (epochs,), `train/weights/<step>/<param>`,
    `train/final_weights/<param>` once training has returned, `evaluate/logits` (n, classes), `evaluate/predictions`
    (n,). Facts: configuration, accuracies as each
    evaluate variant reports them, seconds, peak memory in bytes.
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train, test = session.split(arguments, "train"), session.split(arguments, "test")
    inside = arguments["preprocessing"] == "inside"
    model = steps.build_model(workload, arguments["preprocessing"])
    steps.set_weights(model, own_weights(workload, session.framework, tensors))
    loss_function = steps.build_loss(workload)
    optimizer = steps.build_optimizer(model, workload)

    recorder = Recorder(steps, model, arguments["record_steps"])
    inputs = (train.images if inside else train.inputs)[: arguments["examples"]]
    started = time.perf_counter()
    epoch_losses = _variant(session, arguments)(
        model,
        loss_function,
        optimizer,
        inputs,
        train.targets[: arguments["examples"]],
        batch_size=workload.batch_size,
        epochs=arguments["epochs"],
        on_steps=recorder,
    )
    seconds = time.perf_counter() - started
    final = {f"train/final_weights/{name}": array for name, array in steps.get_weights(model).items()}

    test_inputs = test.images if inside else test.inputs
    accuracies, losses = {}, {}
    with at_step("evaluate"):
        for name in arguments["evaluate_variants"]:
            accuracy, loss = steps.variants("evaluate")[name](
                model, loss_function, test_inputs, test.targets, test.labels, batch_size=workload.batch_size
            )
            accuracies[name] = float(accuracy)
            losses[name] = None if loss is None else float(loss)
        evaluated = {
            "evaluate/logits": steps.to_numpy(steps.logits(model, test_inputs)),
            "evaluate/predictions": steps.to_numpy(steps.predictions(model, test_inputs)).astype(np.int64),
            "evaluate/labels": steps.to_numpy(test.labels).astype(np.int64),
        }
    observed = {
        "train/losses": recorder.losses(),
        "train/epoch_losses": np.asarray([float(loss) for loss in epoch_losses]),
        **evaluated,
        **recorder.weights,
        **final,
    }
    return {
        "configuration": steps.configuration(model, loss_function, optimizer),
        "accuracies": accuracies,
        "losses": losses,
        "seconds": seconds,
        "peak_bytes": peak_bytes(),
    }, observed
