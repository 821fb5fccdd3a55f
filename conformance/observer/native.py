"""Native runs: the framework's own initialiser, shuffling and randomness, once for every seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train the whole job once per seed with the initialiser `glorot` or the one `shipped`.

    Tensors: `native/predictions` uint8 (seeds, test images), `native/labels` (test images,),
    `native/epoch_losses` (seeds, epochs).
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train, test = session.split(arguments, "train"), session.split(arguments, "test")
    variant = steps.variants("train")[arguments["variant"]]
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
    return {"seeds": list(arguments["seeds"])}, {
        "native/predictions": np.stack(predictions),
        "native/labels": steps.to_numpy(test.labels).astype(np.int64),
        "native/epoch_losses": np.asarray(epoch_losses),
    }
