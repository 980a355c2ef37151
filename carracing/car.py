"""The car's controls and tyre forces: gymnasium's, bit for bit, with Python floats in place of numpy's.

About a third of the time of a physics step is spent here, so the same is computed faster: with `math` instead of numpy
on scalars, and one call into Box2D where stock makes two. tests/test_env.py compares the results with stock's.
"""

import math

from gymnasium.envs.box2d.car_dynamics import ENGINE_POWER, FRICTION_LIMIT, SIZE, WHEEL_MOMENT_OF_INERTIA

BRAKE = 15  # radians per second
STIFFNESS = 205000 * SIZE * SIZE
GRASS_FRICTION = FRICTION_LIMIT * 0.6


def _sign(x):
    return (x > 0) - (x < 0)


def control(car, steer, gas, brake):
    """Set the controls. steer: [-1, 1], positive is right; gas: cut to [0, 1], rises by 0.1 a step; brake: [0, 1]."""
    gas = min(max(gas, 0.0), 1.0)
    front_left, front_right, *rear = car.wheels
    front_left.steer = front_right.steer = -steer
    for w in rear:
        w.gas += min(gas - w.gas, 0.1)
    for w in car.wheels:
        w.brake = brake


def step(car, dt):
    """Apply one step's motor speeds and tyre forces, before `world.Step`. dt: seconds."""
    for w in car.wheels:
        joint = w.joint
        turn = w.steer - joint.angle
        joint.motorSpeed = _sign(turn) * min(50.0 * abs(turn), 3.0)

        grass = not w.tiles
        friction_limit = GRASS_FRICTION
        for tile in w.tiles:
            friction_limit = max(friction_limit, FRICTION_LIMIT * tile.road_friction)

        side_x, side_y = w.GetWorldVector((1, 0))
        forward_x, forward_y = -side_y, side_x  # exactly what GetWorldVector((0, 1)) returns
        vx, vy = w.linearVelocity
        forward_speed = forward_x * vx + forward_y * vy
        side_speed = side_x * vx + side_y * vy

        omega = w.omega
        omega += dt * ENGINE_POWER * w.gas / WHEEL_MOMENT_OF_INERTIA / (abs(omega) + 5.0)
        car.fuel_spent += dt * ENGINE_POWER * w.gas
        if w.brake >= 0.9:
            omega = 0
        elif w.brake > 0:
            omega += -_sign(omega) * min(BRAKE * w.brake, abs(omega))
        w.phase += omega * dt

        forward_force = (-forward_speed + omega * w.wheel_rad) * STIFFNESS
        side_force = -side_speed * STIFFNESS
        force = math.sqrt(forward_force * forward_force + side_force * side_force)

        if force > 2.0 * friction_limit:
            _leave_skid_mark(car, w, grass)
        else:
            w.skid_start = None
            w.skid_particle = None

        if force > friction_limit:
            forward_force = forward_force / force * friction_limit
            side_force = side_force / force * friction_limit
        w.omega = omega - dt * forward_force * w.wheel_rad / WHEEL_MOMENT_OF_INERTIA
        w.ApplyForceToCenter(
            (side_force * side_x + forward_force * forward_x, side_force * side_y + forward_force * forward_y), True
        )


def _leave_skid_mark(car, w, grass):
    """Skid marks appear in the large picture only; the observation never shows them."""
    particle = w.skid_particle
    if particle and particle.grass == grass and len(particle.poly) < 30:
        particle.poly.append((w.position[0], w.position[1]))
    elif w.skid_start is None:
        w.skid_start = w.position
    else:
        w.skid_particle = car._create_particle(w.skid_start, w.position, grass)
        w.skid_start = None
