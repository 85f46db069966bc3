"""PyTorch modules: compiled, held against the original; what is not compiled says why."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.compile.modules import find_candidate, try_module
from jupyter_deploy.runtime.compiled import build_model
from jupyter_deploy.runtime.compiled.description import parse_description, write_description

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
functional = torch.nn.functional

PARITY = 1e-5
"""The largest difference of numbers around 1: sums in single precision, in another order."""


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 12), nn.Linear(12, 3)
        self.scale = nn.Parameter(torch.full((12,), 0.5))

    def forward(self, data: Any) -> Any:
        hidden = torch.relu(self.first(data)) * self.scale + data
        return torch.softmax(self.second(hidden / 2.0), dim=-1)


class Mixing(nn.Module):
    def forward(self, data: Any) -> Any:
        return data.view(-1, 6)


class Dropping(nn.Module):
    def forward(self, data: Any) -> Any:
        return functional.dropout(data, 0.5)


class Branching(nn.Module):
    def forward(self, data: Any) -> Any:
        return data if data.sum() > 0 else -data


def perceptron() -> Any:
    return nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 16), nn.GELU(),
                         nn.LayerNorm(16), nn.Linear(16, 4), nn.LogSoftmax(dim=1))


def convolution() -> Any:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU(), nn.MaxPool2d(2),
                         nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.LeakyReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(6, 3))


class Functional(nn.Module):
    """As tutorials write it: pools, dropout and shapes in `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.pool, self.hidden, self.last = nn.MaxPool2d(2, 2), nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, data: Any) -> Any:
        data = self.pool(functional.relu(self.first(data)))
        data = functional.max_pool2d(functional.leaky_relu(self.second(data), 0.2), 2)
        data = data.view(data.size(0), -1)
        data = functional.dropout(functional.gelu(self.hidden(data)), 0.5, training=self.training)
        return functional.log_softmax(self.last(data), dim=1)


class Shapes(nn.Module):
    def forward(self, data: Any) -> Any:
        turned = data.permute(0, 2, 1).transpose(1, 2).reshape(-1, data.shape[1] * data.shape[2])
        means = torch.cat([data.mean(dim=(1, 2)).unsqueeze(1), data.sum(2).mean(1, keepdim=True)], dim=1)
        scores = torch.matmul(data, data.transpose(-2, -1)).flatten(1)
        return torch.cat([turned.contiguous(), means ** 2, torch.exp(-scores.abs()), data[:, :, 0].sqrt().detach()], 1)


class Head(nn.Module):
    def forward(self, data: Any) -> Any:
        data = functional.adaptive_avg_pool2d(functional.avg_pool2d(functional.silu(data), 2), 1)
        return torch.flatten(functional.softplus(data) + functional.hardswish(data), 1).squeeze(-1)


MODULES = [
    (Functional, (1, 10, 10)), (Head, (1, 8, 8)),
    (lambda: nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU6(), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.Hardsigmoid()), (1, 14)),
    (perceptron, (12,)), (Residual, (12,)), (convolution, (1, 12, 12)),
    (lambda: nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid()), (12,)),
    (lambda: nn.Sequential(nn.Conv1d(3, 5, 3, dilation=2), nn.ELU(), nn.Flatten(1), nn.Linear(40, 2)), (3, 12)),
    (lambda: nn.Sequential(nn.Linear(12, 6), nn.ELU(), nn.Linear(6, 2)), (5, 12)),
]


def compile_module(model: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    rows = torch.randn(7, *shape, generator=torch.Generator().manual_seed(1))
    candidate = find_candidate(model, [rows])
    return build_model(parse_description(write_description(candidate.description))), rows


def make(factory: Any) -> Any:
    torch.manual_seed(0)
    model = factory()
    with torch.no_grad():
        for one in model.modules():
            if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d)):
                one.running_mean.uniform_(-1, 1)
                one.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize(("factory", "shape"), MODULES)
def test_answers_are_the_modules_for_any_number_of_rows(factory: Any, shape: tuple[int, ...]) -> None:
    model = make(factory)
    compiled, rows = compile_module(model, shape)
    for many in (rows, rows[:1], torch.randn(200, *shape)):
        with torch.inference_mode():
            expected, found = model(many), compiled(many)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert float((expected - found).abs().max()) < PARITY
        assert torch.equal(compiled.eval().forward(many), found)


def deep() -> Any:
    """Many small layers, of which PyTorch's own cost a call is nearly all: several times slower on any machine."""
    layers = [layer for _ in range(24) for layer in (nn.Linear(12, 12), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(12, 2), nn.Softmax(dim=1))


def test_the_trial_measures_both() -> None:
    model = make(deep)
    compiled, rows = compile_module(model, (12,))
    trial = try_module(model, compiled, ["__call__", "forward"], [rows])
    assert trial.difference < PARITY
    assert trial.rows == 512
    assert min(trial.faster_alone, trial.faster_together) > 2


def test_what_the_module_refuses_is_refused() -> None:
    compiled, rows = compile_module(make(perceptron), (12,))
    for odd in (rows[:, :5], rows[0], rows.double()):
        with pytest.raises(RuntimeError):
            compiled(odd)


@pytest.mark.parametrize(("model", "reason"), [
    (Branching(), "torch.fx cannot trace it"),
    (Mixing(), "view that changes the number of rows is not compiled"),
    (Dropping(), "dropout that goes on outside of training"),
    (nn.Sequential(nn.Linear(12, 4), nn.PReLU()), "the layer PReLU is not compiled"),
    (nn.Sequential(nn.Linear(12, 4).double()), "not of float32"),
], ids=["branching", "mixing", "dropout", "layer", "double"])
def test_what_is_not_compiled_says_why(model: Any, reason: str) -> None:
    with pytest.raises(NotCompiled, match=reason):
        compile_module(model.eval(), (12,))


def test_a_module_in_training_is_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="training mode"):
        compile_module(perceptron(), (12,))
