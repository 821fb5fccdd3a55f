"""Training that is saved and goes on: its code in both frameworks, and its formula."""

from __future__ import annotations

from typing import Any

TRAINED_IN_KERAS = """
model = keras.Sequential([
    keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.25))
])
model.compile(keras.optimizers.SGD(0.0625, momentum=0.875), 'mse')
x = np.arange(8.0).reshape(8, 1) / 8
for step in range(3):
    model.train_on_batch(x, 2 * x - 1)
model
"""
# One more step with the optimizer as it is, and everything back as it was, so that calls can be repeated.
RESUMED_IN_KERAS = """
variables = component.variables + component.optimizer.variables
before = [np.array(variable) for variable in variables]
component.train_on_batch(x, y)
output = component(x)
for variable, value in zip(variables, before):
    variable.assign(value)
output
"""
MODEL_AND_OPTIMIZER = """
class Training(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.line.weight, 0.25)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=0.0625, momentum=0.875)
    def train_step(self, x, y):
        self.optimizer.zero_grad()
        with torch.enable_grad():
            F.mse_loss(self.line(x), y).backward()
        self.optimizer.step()
"""
TRAINED_IN_TORCH = f"""{MODEL_AND_OPTIMIZER}
training = Training()
x = torch.arange(8.0).reshape(8, 1) / 8
for step in range(3):
    training.train_step(x, 2 * x - 1)
training
"""
RESUMED_IN_TORCH = """
import copy
before = copy.deepcopy((component.line.state_dict(), component.optimizer.state_dict()))
component.train_step(x, y)
output = component.line(x).detach()
component.line.load_state_dict(before[0])
component.optimizer.load_state_dict(before[1])
output
"""
SAVED_TRAINING = """
torch.save(dict(model=component.line.state_dict(), optimizer=component.optimizer.state_dict()), path)
"""
LOADED_TRAINING = """
component = Training()
saved = torch.load(path, weights_only=True)
component.line.load_state_dict(saved['model'])
component.optimizer.load_state_dict(saved['optimizer'])
component
"""


def resumed(a: Any, x: Any, y: Any) -> Any:
    """What a line through 0 predicts after four steps of momentum from the slope 1/4, all examples a step."""
    slope, velocity = a.constant([[0.25]]), a.constant([[0.0]])
    for _ in range(4):
        velocity = 0.875 * velocity - 0.0625 * (2.0 * (x.transpose() @ (x @ slope - y)) / 8.0)
        slope = slope + velocity
    return x @ slope
