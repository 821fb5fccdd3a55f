"""The six steps straight through: `python -m reference.oracle`."""

from __future__ import annotations

import argparse

from reference.data import DIRECTORY, DataError
from reference.oracle import data, evaluate, imports, model, objective, train
from reference.workloads import MNIST_MLP as WORKLOAD


def main() -> None:
    """Run and print each step."""
    parser = argparse.ArgumentParser(prog="python -m reference.oracle", description=__doc__)
    parser.add_argument("--epochs", type=int, default=WORKLOAD.epochs)
    epochs = parser.parse_args().epochs
    if epochs < 1:
        parser.error("--epochs takes a number from 1 on")

    print("1. imports  ", imports.versions())

    try:
        images, labels = data.load(WORKLOAD.dataset, DIRECTORY, "train")
        test_images, test_labels = data.load(WORKLOAD.dataset, DIRECTORY, "test")
    except DataError as error:
        parser.exit(1, f"{error}\n")
    inputs, test_inputs = data.preprocess(images), data.preprocess(test_images)
    print("2. data     ", inputs.shape, inputs.dtype, "and", test_inputs.shape)

    network = model.build_model(WORKLOAD)
    print("3. model    ", model.count_parameters(network))

    loss_function = objective.build_loss(WORKLOAD)
    optimizer = objective.build_optimizer(network, WORKLOAD)
    print("4. objective", objective.configuration(network, loss_function, optimizer))

    epoch_losses = train.float64(
        network,
        loss_function,
        optimizer,
        inputs,
        objective.targets(labels, WORKLOAD),
        batch_size=WORKLOAD.batch_size,
        epochs=epochs,
    )
    for epoch, loss in enumerate(epoch_losses, 1):
        print(f"5. train     epoch {epoch:2}  mean loss {loss:.4f}")

    accuracy, loss = evaluate.batched(
        network,
        loss_function,
        test_inputs,
        objective.targets(test_labels, WORKLOAD),
        test_labels,
        batch_size=WORKLOAD.test_examples,
    )
    print(f"6. evaluate  accuracy {accuracy:.4f}  loss {loss:.4f}")


if __name__ == "__main__":
    main()
