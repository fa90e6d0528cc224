"""Test functions of global optimisation, whose minima are known.

Definitions and minima: Surjanovic and Bingham, Virtual Library of Simulation Experiments
(sfu.ca/~ssurjano, 2013); Himmelblau, Applied Nonlinear Programming (1972).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution

from framework.base.errors import UserError
from framework.contracts.objective import Measured, Objective
from framework.registry.parameters import Choice, Int

FloatArray = NDArray[np.float64]


def branin(x: FloatArray) -> float:
    first, second = x
    curved = second - 5.1 / (4 * np.pi**2) * first**2 + 5 / np.pi * first - 6
    return float(curved**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(first) + 10)


def himmelblau(x: FloatArray) -> float:
    first, second = x
    return float((first**2 + second - 11) ** 2 + (first + second**2 - 7) ** 2)


def rosenbrock(x: FloatArray) -> float:
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def ackley(x: FloatArray) -> float:
    wide = -20 * np.exp(-0.2 * np.sqrt((x**2).mean()))
    return float(wide - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e)


def rastrigin(x: FloatArray) -> float:
    return float((x**2 - 10 * np.cos(2 * np.pi * x) + 10).sum())


class Known(NamedTuple):
    """A function, its bounds in each dimension, its least value and where that is."""

    function: Callable[[FloatArray], float]
    bounds: tuple[tuple[float, float], ...]
    least: float
    minima: tuple[tuple[float, ...], ...]


FUNCTIONS = {
    "branin": Known(
        branin,
        ((-5, 10), (0, 15)),
        5 / (4 * np.pi),
        ((-np.pi, 12.275), (np.pi, 2.275), (3 * np.pi, 2.475)),
    ),
    "himmelblau": Known(
        himmelblau,
        ((-5, 5), (-5, 5)),
        0.0,
        (
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286170),
            (3.584428340330492, -1.848126526964404),
        ),
    ),
    "rosenbrock": Known(rosenbrock, ((-5, 10),), 0.0, ((1.0,),)),
    # The usual domains are [-32.768, 32.768] and [-5.12, 5.12]: their least value is in the very
    # middle, where CMA-ES begins and TPE's prior is highest. A quarter of the width aside is fair.
    "ackley": Known(ackley, ((-16.384, 49.152),), 0.0, ((0.0,),)),
    "rastrigin": Known(rastrigin, ((-2.56, 7.68),), 0.0, ((0.0,),)),
}
"""By name; what has one bound is of any dimension."""


class TestFunction(Objective):
    """A test function, minimised; Ackley and Rastrigin off the middle of their domain.

    Args:
        function: Branin and Himmelblau have two dimensions, the others any number.
        dimensions: of the space.
    """

    quantity = "function value"

    def __init__(
        self,
        function: Annotated[str, Choice(*FUNCTIONS)],
        dimensions: Annotated[int, Int(2, 10, within=(2, 100))] = 2,
    ) -> None:
        self.function, self.dimensions = function, dimensions
        known = FUNCTIONS[function]
        if len(known.bounds) not in (1, dimensions):
            raise UserError(
                f"dimensions: '{function}' has {len(known.bounds)}, not {dimensions}; leave it out, "
                "or take rosenbrock, ackley or rastrigin"
            )
        self.optimum = known.least
        self.summary = (
            f"{function.capitalize()} in {dimensions} dimensions, least {known.least:.4g}"
        )

    @property
    def space(self) -> dict[str, FloatDistribution]:
        bounds = FUNCTIONS[self.function].bounds * self.dimensions
        return {f"x{i}": FloatDistribution(*bounds[i - 1]) for i in range(1, self.dimensions + 1)}

    def measure(self, point: Mapping[str, float]) -> Measured:
        at = np.array([point[name] for name in self.space])
        return Measured((FUNCTIONS[self.function].function(at),))
