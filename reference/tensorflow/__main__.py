"""`python -m reference.tensorflow`: the six steps, straight through."""

from __future__ import annotations

import argparse

from ..data import DIRECTORY, DataError
from ..workloads import MNIST_MLP as workload
from . import muted_log

with muted_log():
    from . import data, evaluate, imports, model, objective, train

parser = argparse.ArgumentParser(prog="python -m reference.tensorflow", description="The six steps in TensorFlow.")
parser.add_argument("--epochs", type=int, default=workload.epochs)
epochs = parser.parse_args().epochs
if epochs < 1:
    parser.error("--epochs takes a number from 1 on")

imports.configure("cpu", threads=1)  # so small a model gains nothing from more
print("1 imports  ", imports.versions())

try:
    train_images, train_labels = data.load(workload.dataset, DIRECTORY, "train")
    test_images, test_labels = data.load(workload.dataset, DIRECTORY, "test")
except DataError as error:
    parser.exit(1, f"{error}\n")
train_inputs, test_inputs = data.preprocess(train_images), data.preprocess(test_images)
print("2 data     ", "train", tuple(train_inputs.shape), "test", tuple(test_inputs.shape))

model.seed_everything(0)
network = model.build_model(workload)
print("3 model    ", "parameters", model.count_parameters(network))

loss_function = objective.build_loss(workload)
optimizer = objective.build_optimizer(network, workload)
train_targets = objective.targets(train_labels, workload)
test_targets = objective.targets(test_labels, workload)
print("4 objective", objective.configuration(network, loss_function, optimizer))

losses = train.fit(
    network,
    loss_function,
    optimizer,
    train_inputs,
    train_targets,
    batch_size=workload.batch_size,
    epochs=epochs,
    shuffle=True,
)
print("5 train    ", "mean loss of each epoch", *(f"{loss:.4f}" for loss in losses))

accuracy, _ = evaluate.evaluate(
    network, loss_function, test_inputs, test_targets, test_labels, batch_size=workload.batch_size
)
print("6 evaluate ", f"accuracy {accuracy:.4f}")
