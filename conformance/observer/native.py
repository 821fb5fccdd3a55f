"""Native runs: the framework's own initialiser, shuffling and randomness, once for every seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .session import Session, Split
from .steps import Steps


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train the whole job once per seed with the initialiser `glorot` or the one `shipped`.

    It trains by the first of the asked-for variants that can run here. Facts: `seeds`, and `variant`, its name.
    Tensors: `native/predictions` uint8 (seeds, test images), `native/labels` (test images,),
    `native/epoch_losses` (seeds, epochs).
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train, test = session.split(arguments, "train"), session.split(arguments, "test")
    name = _first_that_runs(arguments["variants"], steps, workload, train)
    variant = steps.variants("train")[name]
    predictions, epoch_losses = [], []
    for seed in arguments["seeds"]:
        steps.seed_everything(seed)
        model = steps.build_model(workload)
        if arguments["initializer"] == "glorot":
            steps.glorot_weights(model, seed)
        loss_function = steps.build_loss(workload)
        optimizer = steps.build_optimizer(model, workload)
        reported = variant(
            model,
            loss_function,
            optimizer,
            train.inputs,
            train.targets,
            batch_size=workload.batch_size,
            epochs=arguments["epochs"],
            shuffle=True,
            seed=seed,
        )
        epoch_losses.append([float(loss) for loss in reported])
        predictions.append(steps.to_numpy(steps.predictions(model, test.inputs)).astype(np.uint8))
    return {"seeds": list(arguments["seeds"]), "variant": name}, {
        "native/predictions": np.stack(predictions),
        "native/labels": steps.to_numpy(test.labels).astype(np.int64),
        "native/epoch_losses": np.asarray(epoch_losses),
    }


def _first_that_runs(names: list[str], steps: Steps, workload: Workload, train: Split) -> str:
    """Tries one batch, for much can keep torch.compile from working: no compiler, no headers, too new a Python."""
    size = workload.batch_size
    *preferred, last = names
    for name in preferred:
        model = steps.build_model(workload)
        loss_function, optimizer = steps.build_loss(workload), steps.build_optimizer(model, workload)
        inputs, targets = train.inputs[:size], train.targets[:size]
        try:
            steps.variants("train")[name](model, loss_function, optimizer, inputs, targets, batch_size=size, epochs=1)
        except Exception:
            continue
        return name
    return last
