"""The optimum by active sets: pure numpy, some hundred microseconds, exact up to rounding.

Every weight is either held at a kink (zero, its previous weight, a cap) or free on a stretch where the
objective is quadratic. Given that division the optimum is one small linear system. Two ways to find it:
a semismooth Newton method that redraws the whole division at once (Hintermueller, Ito and Kunisch 2003),
right after a few rounds on most problems, and a primal active-set method that moves one name at a time, for
the rest (Nocedal and Wright, section 16.5). Neither is trusted: the caller certifies what comes out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from strategies.idio_statarb.optimizer_problem import (
    Matrix,
    Multipliers,
    Problem,
    Vector,
    made_feasible,
    physical_gross,
)

NEWTON_ROUNDS = 20
HEDGE_SIGN_ROUNDS = 8
MOVES_PER_NAME = 4
MOVES_MIN = 50
ROW_TOLERANCE = 1e-12
"""How far a gross limit may be exceeded by rounding, as a share of the limit."""

SETTLED_TOLERANCE = 1e-9
"""How far a proximal step may lead away from a settled point, as a share of the largest weight."""

RELEASE_TOLERANCE = 1e-12
"""Gain below which a held name stays where it is, as a share of the largest slope in the problem."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Form:
    """Minimise w'Qw/2 - mu'w + sum cost|w - previous| on the box, with rows.

    Row j is grossing_j sum|w| + tilts_j'w <= limits_j, or = limits_j where equal_j; grossing is one or zero.
    tilts has shape (k, n), the others (k,).
    """

    quadratic: Matrix
    mu: Vector
    cost: Vector
    previous: Vector
    cap: Vector
    grossing: Vector
    tilts: Matrix
    limits: Vector
    equal: Mask

    def load(self, weights: Vector) -> Vector:
        """Return what the rows measure, shape (k,)."""
        load: Vector = self.grossing * np.abs(weights).sum() + self.tilts @ weights
        return load


@dataclass(slots=True)
class Division:
    """Which names are free, and on which stretch; values holds the weight of those that are held.

    sign is that of the weight, trade that of weight minus previous; both matter where free only.
    """

    free: Mask
    values: Vector
    sign: Vector
    trade: Vector

    def same(self, other: "Division") -> bool:
        return (
            np.array_equal(self.free, other.free)
            and np.array_equal(self.sign, other.sign)
            and np.array_equal(self.trade, other.trade)
        )


@dataclass(slots=True)
class Point:
    """A book, the prices of the rows, and which rows hold with equality; shapes (n,), (k,), (k,)."""

    weights: Vector
    prices: Vector
    active: Mask


def solve_fast(problem: Problem, start: Vector) -> tuple[Vector, Multipliers] | None:
    """Return the optimum and its multipliers, or None when this method found none.

    The physical limit is left out at first, and comes back if the answer breaks it.
    """
    quadratic = 2 * problem.gamma * problem.covariance
    point = _solve(_form(problem, quadratic, None), made_feasible(problem, start))
    if point is None:
        return None
    if physical_gross(point.weights, problem.beta_btc, problem.beta_eth) <= problem.physical_gross_max:
        return point.weights, Multipliers(gross=float(point.prices[0]))
    return _with_physical_limit(problem, quadratic, point.weights)


def _with_physical_limit(
    problem: Problem, quadratic: Matrix, weights: Vector
) -> tuple[Vector, Multipliers] | None:
    """Find the sign of each hedge at the optimum: plus, minus, or zero, where |w'beta| has its kink.

    A hedge that changes sign is put on zero; one on zero whose multiplier is larger than the limit's price
    wants off it again.
    """
    betas = np.vstack((problem.beta_btc, problem.beta_eth))
    signs, tilts, point = np.where(betas @ weights < 0, -1.0, 1.0), np.zeros(2), None
    for _ in range(HEDGE_SIGN_ROUNDS):
        point = _solve(_form(problem, quadratic, signs), made_feasible(problem, weights))
        if point is None:
            return None
        weights, price = point.weights, float(point.prices[1])
        tilts = np.where(signs == 0, point.prices[2:], price * signs)
        hedges = betas @ weights
        flipped = hedges * signs < -ROW_TOLERANCE * problem.physical_gross_max
        wants_off = (signs == 0) & (np.abs(tilts) > price)
        if not (flipped | wants_off).any():
            break
        signs = np.where(flipped, 0.0, np.where(wants_off, np.sign(tilts), signs))
    assert point is not None
    btc, eth = (float(tilt) for tilt in tilts)
    return weights, Multipliers(
        gross=float(point.prices[0]), physical_gross=price, tilt_btc=btc, tilt_eth=eth
    )


def _form(problem: Problem, quadratic: Matrix, signs: Vector | None) -> Form:
    """State the gross row alone, or with it the physical row and one row a hedge, in force where it is zero."""
    rows = 1 if signs is None else 4
    tilts = np.zeros((rows, len(problem.mu)))
    if signs is not None:
        tilts[2], tilts[3] = problem.beta_btc, problem.beta_eth
        tilts[1] = signs @ tilts[2:]
        tilts[2:][signs != 0] = 0.0
    return Form(
        quadratic=quadratic,
        mu=problem.mu,
        cost=problem.cost,
        previous=problem.previous,
        cap=problem.cap,
        grossing=np.array([1.0, 1.0, 0.0, 0.0])[:rows],
        tilts=tilts,
        limits=np.array([problem.gross_max, problem.physical_gross_max, 0.0, 0.0])[:rows],
        equal=np.zeros(rows, dtype=bool) if signs is None else np.append([False, False], signs == 0),
    )


def _solve(form: Form, start: Vector) -> Point | None:
    """Newton first; the walk if that fails, but not along equalities, which it has no feasible start for."""
    for reprice in (_keep_price, _project_price):
        point = Point(start, np.zeros(len(form.limits)), form.equal.copy())
        if _newton(form, point, reprice):
            return point
    return None if form.equal.any() else _primal(form, point)


# --- the whole division at once --------------------------------------------------------------------------


Reprice = Callable[[Form, Point, Vector], None]


def _newton(form: Form, point: Point, reprice: Reprice) -> bool:
    """Move the point to the optimum; False when the divisions went round in circles.

    Done when a division and a proximal step both reproduce the point that they came from.
    """
    diagonal = form.quadratic.diagonal()
    if not (diagonal > 0).all():
        return False
    step = 1 / diagonal
    before: Division | None = None
    for _ in range(NEWTON_ROUNDS):
        reprice(form, point, step)
        division = _divide(form, point, step)
        settled = before is not None and division.same(before) and _close(division.values, point.weights)
        if settled and not _redraw_rows(form, point):
            return True
        solved = _solve_division(form, division, point.active)
        if solved is None:
            return False
        point.weights, point.prices = solved
        if not settled:
            _redraw_rows(form, point)
        before = division
    return False


def _close(values: Vector, weights: Vector) -> bool:
    return bool((np.abs(values - weights) <= SETTLED_TOLERANCE * np.abs(weights).max(initial=0.0)).all())


def _keep_price(form: Form, point: Point, step: Vector) -> None:
    """Go on with the price that the last division gave: right most of the time, and free."""


def _project_price(form: Form, point: Point, step: Vector) -> None:
    """Give the gross row the price at which the proximal step itself keeps the limit.

    Without that, a step that overshoots the limit and one that falls short of it can take turns for ever. A
    name's size falls linearly in the price, from its cap to its previous weight and from there to zero, with
    a stretch of twice its cost at rest between; the fall of all of them is summed over the sorted corners.
    """
    others = float(point.prices[1:] @ form.grossing[1:])
    slope = form.mu - point.prices @ form.tilts - form.quadratic @ point.weights
    target = point.weights + step * slope
    home = np.minimum(np.maximum(form.previous * np.sign(target), 0.0), form.cap)
    reach = np.abs(target) / step
    from_cap, at_home = reach - form.cap / step - form.cost, reach - home / step - form.cost
    corners = np.concatenate((from_cap, at_home + 2 * form.cost, at_home, reach + form.cost))
    order = np.argsort(corners, kind="stable")
    corners = corners[order]
    rates = np.cumsum(np.concatenate((step, step, -step, -step))[order])
    fallen = np.concatenate(([0.0], np.cumsum(rates[:-1] * np.diff(corners))))
    wanted = float(form.cap.sum() - form.limits[0])
    i = max(int(np.searchsorted(fallen, wanted)) - 1, 0)
    beyond = (wanted - fallen[i]) / rates[i] if rates[i] > 0 else 0.0
    price = max(float(corners[i] + beyond) - others, 0.0) if wanted > 0 else 0.0
    point.prices = np.append(price, point.prices[1:])
    point.active = np.append(price > 0, point.active[1:])


def _divide(form: Form, point: Point, step: Vector) -> Division:
    """Return where a proximal step of size 1/Q_ii would put each name: on a kink, a cap or a stretch."""
    slope = form.mu - point.prices @ form.tilts - form.quadratic @ point.weights
    target = point.weights + step * slope
    gross = step * float(point.prices @ form.grossing)
    cost = step * form.cost
    lower, upper = np.minimum(form.previous, 0.0), np.maximum(form.previous, 0.0)
    below = target + (cost + gross)
    middle = target - np.where(form.previous > 0, gross - cost, cost - gross)
    inside = np.maximum(np.minimum(np.maximum(middle, lower), upper), target - (cost + gross))
    values = np.where(below < lower, below, inside)
    free = (values != lower) & (values != upper) & (np.abs(values) < form.cap)
    values = np.minimum(np.maximum(values, -form.cap), form.cap)
    return Division(free, values, np.sign(values), np.sign(values - form.previous))


def _redraw_rows(form: Form, point: Point) -> bool:
    """Let go of rows with a negative price, take up those that are broken; True when any changed."""
    broken = form.load(point.weights) > form.limits * (1 + ROW_TOLERANCE)
    active = np.where(point.active, point.prices > 0, broken) | form.equal
    changed = not np.array_equal(active, point.active)
    point.active = active
    point.prices = np.where(active, point.prices, 0.0)
    return changed


def _solve_division(form: Form, division: Division, active: Mask) -> tuple[Vector, Vector] | None:
    """Return weights and prices that are optimal if the division and the active rows are right."""
    free = np.flatnonzero(division.free)
    rows = np.flatnonzero(active)
    prices = np.zeros(len(active))
    weights = np.where(division.free, 0.0, division.values)
    if not len(free):
        return None if len(rows) else (weights, prices)
    linear = form.mu - form.cost * division.trade - form.quadratic @ weights
    slopes = (form.grossing[rows, None] * division.sign + form.tilts[rows])[:, free]
    right = np.vstack((linear[free], slopes)).T
    _, solved, info = lapack.dposv(form.quadratic[free[:, None], free], right, overwrite_a=1)
    if info:
        return None
    answer = solved[:, 0]
    if len(rows):
        left = (form.limits - form.load(weights))[rows]
        price = _solve_small(slopes @ solved[:, 1:], slopes @ answer - left)
        if price is None:
            return None
        prices[rows] = price
        answer = answer - solved[:, 1:] @ price
    weights[free] = answer
    return weights, prices


def _solve_small(system: Matrix, right: Vector) -> Vector | None:
    """Solve for one or two prices; None when the rows cannot be told apart."""
    _, solved, info = lapack.dposv(system, right)
    answer: Vector | None = None if info else solved.reshape(len(right))
    return answer


# --- one name at a time ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Stretches:
    """The walk's state: a division, and the ends of each name's stretch (equal where it is held)."""

    division: Division
    low: Vector
    high: Vector


def _primal(form: Form, point: Point) -> Point | None:
    """Walk from a feasible book to the optimum; None when the walk is too long or the system singular."""
    point, walk = _first_step(form, point)
    scale = float(np.abs(form.mu).max() + form.cost.max())
    for _ in range(MOVES_MIN + MOVES_PER_NAME * len(form.mu)):
        if point.active.any() and not walk.division.free.any():
            point.active[:] = False
        solved = _solve_division(form, walk.division, point.active)
        if solved is None:
            return None
        target, point.prices = solved
        if _advance(form, point, walk, target) and not _release(form, point, walk, scale):
            return point
    return None


def _first_step(form: Form, point: Point) -> tuple[Point, Stretches]:
    """Return a feasible book near the point, most of it on kinks: a proximal step that keeps the gross limit."""
    weights = point.weights
    diagonal = form.quadratic.diagonal()
    if (diagonal > 0).all():
        step = 1 / diagonal
        _project_price(form, point, step)
        weights = _divide(form, point, step).values
    weights = _shrunk(form, weights)
    rows = len(form.limits)
    return Point(weights, np.zeros(rows), np.zeros(rows, dtype=bool)), _stretches(form, weights)


def _shrunk(form: Form, weights: Vector) -> Vector:
    over = float((form.load(weights) / np.maximum(form.limits, np.finfo(float).tiny)).max())
    return weights / over if over > 1 + ROW_TOLERANCE else weights


def _stretches(form: Form, weights: Vector) -> Stretches:
    """Cut each name's box at its kinks and find the piece that its weight lies in."""
    kinks = _kinks(form)
    free = (kinks != weights).all(axis=0)
    low = np.where(free, np.where(kinks < weights, kinks, -np.inf).max(axis=0), weights)
    high = np.where(free, np.where(kinks > weights, kinks, np.inf).min(axis=0), weights)
    middle = np.where(free, (low + high) / 2, weights)
    division = Division(free, weights.copy(), np.sign(middle), np.sign(middle - form.previous))
    return Stretches(division, low, high)


def _kinks(form: Form) -> Matrix:
    kinks = np.zeros((4, len(form.cap)))
    kinks[0], kinks[1] = -form.cap, form.cap
    kinks[2] = np.minimum(np.maximum(form.previous, -form.cap), form.cap)
    return kinks


def _advance(form: Form, point: Point, walk: Stretches, target: Vector) -> bool:
    """Go towards the target until something is in the way and hold it there; True when it was reached."""
    move = np.where(walk.division.free, target - point.weights, 0.0)
    going = np.flatnonzero(move)
    room = np.where(move > 0, walk.high, walk.low)[going] - point.weights[going]
    shares = room / move[going]
    row, row_share = _row_in_the_way(form, point, walk, move)
    name_share = float(shares.min()) if len(going) else np.inf
    share = max(0.0, min(1.0, name_share, row_share))
    point.weights = point.weights + share * move
    if share == 1.0:
        return True
    if row_share <= name_share:
        point.active[row] = True
        return False
    name = going[int(shares.argmin())]
    _hold(point, walk, name, float((walk.high if move[name] > 0 else walk.low)[name]))
    return False


def _row_in_the_way(form: Form, point: Point, walk: Stretches, move: Vector) -> tuple[int, float]:
    rate = (form.grossing[:, None] * walk.division.sign + form.tilts) @ move
    shares = np.full(len(rate), np.inf)
    rising = ~point.active & (rate > 0)
    shares[rising] = (form.limits - form.load(point.weights))[rising] / rate[rising]
    row = int(shares.argmin())
    return row, float(shares[row])


def _hold(point: Point, walk: Stretches, name: int, value: float) -> None:
    point.weights[name] = walk.low[name] = walk.high[name] = walk.division.values[name] = value
    walk.division.free[name] = False


def _release(form: Form, point: Point, walk: Stretches, scale: float) -> bool:
    """Let go of the row or the held name that most wants to move; False at the optimum."""
    if point.active.any() and point.prices[point.active].min() < 0:
        worst = int(np.where(point.active, point.prices, np.inf).argmin())
        point.active[worst] = False
        return True
    slope = form.mu - point.prices @ form.tilts - form.quadratic @ point.weights
    gross = float(point.prices @ form.grossing)
    weights, held = point.weights, ~walk.division.free
    up = slope - form.cost * _side(weights >= form.previous) - gross * _side(weights >= 0)
    down = -slope - form.cost * _side(weights <= form.previous) - gross * _side(weights <= 0)
    gains = np.array(
        [
            np.where(held & (weights < form.cap), up, 0.0),
            np.where(held & (weights > -form.cap), down, 0.0),
        ]
    )
    way, name = np.unravel_index(int(gains.argmax()), gains.shape)
    if gains[way, name] <= RELEASE_TOLERANCE * scale:
        return False
    _free(form, walk, int(name), upwards=1 if way == 0 else -1)
    return True


def _side(outward: Mask) -> Vector:
    return np.where(outward, 1.0, -1.0)


def _free(form: Form, walk: Stretches, name: int, *, upwards: int) -> None:
    """Give the name the stretch next to its kink, above it (1) or below it (-1)."""
    value = walk.division.values[name]
    kinks = _kinks(form)[:, name]
    if upwards > 0:
        walk.high[name] = kinks[kinks > value].min()
    else:
        walk.low[name] = kinks[kinks < value].max()
    middle = (walk.low[name] + walk.high[name]) / 2
    walk.division.free[name] = True
    walk.division.sign[name] = np.sign(middle)
    walk.division.trade[name] = np.sign(middle - form.previous[name])
