"""Draws CarRacing's 64x64 observation straight from the world's polygons (compiled with numba).

The stock environment paints a 1000x800 picture, shrinks it to 96x96 with pygame's `smoothscale`, and the agent crops
the instrument bar away and shrinks the rest to 64x64. Nearly all of that work is thrown away. Here each pixel of the
96x84 intermediate picture is looked at in 3x3 places only, and those are the very pixels of the stock picture: the
vertices are truncated to whole pixels and the scan lines rounded as SDL_gfx does. Only the antialiased outline is
left out.
"""

import math

import numpy as np
from numba import njit
from PIL import Image

WINDOW_W, WINDOW_H = 1000, 800  # the stock picture
STATE_W, STATE_H = 96, 84  # the stock observation without its instrument bar, which starts at row 84
SIZE = 64  # our observation
SUB = 3  # samples per 96x84 pixel, each way
COLUMNS, ROWS = STATE_W * SUB, STATE_H * SUB
MARGIN = 400  # no polygon is longer than this many stock pixels

# A sample is one stock pixel: its column, and its row counted from the top of the picture.
_sample_x = ((np.arange(COLUMNS) + 0.5) * WINDOW_W / COLUMNS).astype(np.int64)
_sample_y = ((np.arange(ROWS) + 0.5) * WINDOW_H / (96 * SUB)).astype(np.int64)
# Stock draws upside down and flips the picture at the end, so rows below are counted from the bottom.
SAMPLE_ROW = WINDOW_H - 1 - _sample_y  # (ROWS,) falling
FIRST_COLUMN = np.searchsorted(_sample_x, np.arange(WINDOW_W + 2))  # first sample at or right of a stock pixel
FIRST_ROW = np.searchsorted(_sample_y, np.arange(WINDOW_H + 2))  # first sample at or below a stock pixel


def shrink(frame):
    """What the agent sees of a stock frame: (96, 96, 3) uint8 -> (64, 64, 3) uint8.

    The instrument bar is cut off and the rest resized as in the 2018 code: scipy.misc.imresize was PIL's BILINEAR.
    """
    return np.asarray(Image.fromarray(np.ascontiguousarray(frame[:STATE_H])).resize((SIZE, SIZE), Image.BILINEAR))


def _bilinear(length, size):
    """PIL's BILINEAR for shrinking: (first tap (size,), weights (size, taps)); a triangle as wide as the scale."""
    scale = length / size
    centre = (np.arange(size) + 0.5) * scale
    first = np.maximum((centre - scale + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + scale + 0.5).astype(np.int64), length)
    taps = (last - first).max()
    first = np.minimum(first, length - taps)
    weights = np.maximum(0, 1 - np.abs((first[:, None] + np.arange(taps) - centre[:, None] + 0.5) / scale))
    return first, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


ROW_FIRST, ROW_WEIGHTS = _bilinear(STATE_H, SIZE)
COLUMN_FIRST, COLUMN_WEIGHTS = _bilinear(STATE_W, SIZE)


@njit(cache=True, inline="always")
def _pack(r, g, b):
    """A colour as 3 x 10 bits, so that three samples can be added without unpacking.

    `smoothscale` truncates twice and makes every flat colour but black 2 levels darker; so do we.
    """
    return np.uint32(max(r - 2, 0) | max(g - 2, 0) << 10 | max(b - 2, 0) << 20)


@njit(cache=True)
def _fill(buffer, px, py, n, color, rounded, lo, hi):
    """Fill a convex polygon with integer vertices px, py (from the bottom left), touching only the samples.

    rounded: ends of a scan line as SDL_gfx rounds them (road, grass); else outwards, as pygame.draw.polygon (the car).
    lo, hi: scratch (ROWS,) int64.
    """
    y_min, y_max, x_min, x_max = py[0], py[0], px[0], px[0]
    for i in range(1, n):
        y_min, y_max = min(y_min, py[i]), max(y_max, py[i])
        x_min, x_max = min(x_min, px[i]), max(x_max, px[i])
    top, bottom = max(y_min, 0), min(y_max, WINDOW_H - 1)
    if top > bottom or x_max < 0 or x_min >= WINDOW_W:
        return
    s0, s1 = FIRST_ROW[WINDOW_H - 1 - bottom], FIRST_ROW[WINDOW_H - top]
    for s in range(s0, s1):
        lo[s] = WINDOW_W
        hi[s] = -1
    for i in range(n):
        j = i - 1 if i else n - 1
        x1, y1, x2, y2 = px[j], py[j], px[i], py[i]
        if y1 == y2:
            continue
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        # A scan line belongs to an edge from y1 up to but not including y2, except on the polygon's last line.
        e0, e1 = max(y1, 0), min(y2 if y2 == y_max else y2 - 1, WINDOW_H - 1)
        if e0 > e1:
            continue
        slope = (x2 - x1) / (y2 - y1)
        for s in range(FIRST_ROW[WINDOW_H - 1 - e1], FIRST_ROW[WINDOW_H - e0]):
            x = x1 + (SAMPLE_ROW[s] - y1) * slope
            left = math.floor(x + 0.5) if rounded else math.floor(x)
            right = math.floor(x + 0.5) if rounded else math.ceil(x)
            lo[s] = min(lo[s], left)
            hi[s] = max(hi[s], right)
    for s in range(s0, s1):
        left, right = min(max(lo[s], 0), WINDOW_W), max(min(hi[s], WINDOW_W - 1), -1)
        buffer[s, FIRST_COLUMN[left] : FIRST_COLUMN[right + 1]] = color


@njit(cache=True)
def _means(buffer):
    """(ROWS, COLUMNS) packed samples -> the averages of 3x3 of them, (84, 3, 96) float32."""
    scale = np.float32(1 / SUB**2)
    image = np.empty((STATE_H, 3, STATE_W), np.float32)
    line = np.empty(COLUMNS, np.uint32)
    for y in range(STATE_H):
        for c in range(COLUMNS):
            line[c] = buffer[SUB * y, c] + buffer[SUB * y + 1, c] + buffer[SUB * y + 2, c]
        for x in range(STATE_W):
            a, b, c = line[SUB * x], line[SUB * x + 1], line[SUB * x + 2]
            image[y, 0, x] = scale * np.float32((a & 1023) + (b & 1023) + (c & 1023))
            image[y, 1, x] = scale * np.float32((a >> 10 & 1023) + (b >> 10 & 1023) + (c >> 10 & 1023))
            image[y, 2, x] = scale * np.float32((a >> 20) + (b >> 20) + (c >> 20))
    return image


def unshrunk(buffer):
    """The picture before it is shrunk, of the samples that `draw` has left in its buffer: (84, 96, 3) uint8."""
    return (_means(buffer).swapaxes(1, 2) + np.float32(0.5)).astype(np.uint8, order="C")


@njit(cache=True)
def _average(buffer, out):
    """(ROWS, COLUMNS) packed samples -> (64, 64, 3) uint8: 3x3 average to 96x84, then PIL's BILINEAR to 64x64."""
    image = _means(buffer)
    row = np.empty((3, STATE_W), np.float32)
    for y in range(SIZE):
        row[:] = 0
        for t in range(ROW_WEIGHTS.shape[1]):
            w, source = ROW_WEIGHTS[y, t], image[ROW_FIRST[y] + t]
            for k in range(3):
                for c in range(STATE_W):
                    row[k, c] += w * source[k, c]
        for x in range(SIZE):
            first = COLUMN_FIRST[x]
            for k in range(3):
                total = np.float32(0.5)
                for t in range(COLUMN_WEIGHTS.shape[1]):
                    total += COLUMN_WEIGHTS[x, t] * row[k, first + t]
                out[y, x, k] = np.uint8(total)


@njit(cache=True)
def _transform(vertices, n, camera, px, py):
    """World metres -> stock pixels, truncated as pygame does. camera: cos, sin, zoom, x shift, y shift."""
    cos, sin, zoom, tx, ty = camera
    for i in range(n):
        x, y = vertices[i, 0], vertices[i, 1]
        px[i] = int((cos * x - sin * y) * zoom + tx)
        py[i] = int((sin * x + cos * y) * zoom + ty)


@njit(cache=True, inline="always")
def _in_view(x, y, camera, margin):
    cos, sin, zoom, tx, ty = camera
    sx, sy = (cos * x - sin * y) * zoom + tx, (sin * x + cos * y) * zoom + ty
    return -margin < sx < WINDOW_W + margin and -margin < sy < WINDOW_H + margin


@njit(cache=True, inline="always")
def _inside(camera, playfield):
    """Whether the whole picture shows nothing beyond the playfield."""
    cos, sin, zoom, tx, ty = camera
    x, y = (WINDOW_W / 2 - tx) / zoom, (WINDOW_H / 2 - ty) / zoom  # the middle of the picture, turned
    reach = (WINDOW_W + WINDOW_H) / 2 / zoom
    return abs(cos * x + sin * y) + reach < playfield and abs(cos * y - sin * x) + reach < playfield


@njit(cache=True)
def _draw_grass(buffer, camera, playfield, square, bg, grass, px, py, lo, hi):
    """The field (black beyond its edge) and every other square of its grid of lighter grass."""
    vertices = np.array(
        [[playfield, playfield], [playfield, -playfield], [-playfield, -playfield], [-playfield, playfield]]
    )
    if _inside(camera, playfield):
        buffer[:] = bg
    else:
        buffer[:] = 0
        _transform(vertices, 4, camera, px, py)
        _fill(buffer, px, py, 4, bg, True, lo, hi)
    for i in range(-20, 20, 2):
        for j in range(-20, 20, 2):
            x, y = square * i, square * j
            if _in_view(x, y, camera, MARGIN):
                # Number by number: to set rows at once takes a quarter of the time of compiling all of this.
                vertices[0, 0], vertices[0, 1] = x + square, y
                vertices[1, 0], vertices[1, 1] = x, y
                vertices[2, 0], vertices[2, 1] = x, y + square
                vertices[3, 0], vertices[3, 1] = x + square, y + square
                _transform(vertices, 4, camera, px, py)
                _fill(buffer, px, py, 4, grass, True, lo, hi)


@njit(cache=True)
def _draw_car(buffer, camera, bodies, phases, hull, wheel, px, py, lo, hi):
    """Four wheels with their turning white stripe, then the hull's four polygons."""
    vertices = np.empty((8, 2))
    for b in range(5):
        bx, by, cos, sin = bodies[b, 0], bodies[b, 1], math.cos(bodies[b, 2]), math.sin(bodies[b, 2])
        for part in range(4 if b == 4 else 1):
            n = int(hull[part, 8, 0]) if b == 4 else 4
            for i in range(n):
                x, y = (hull[part, i, 0], hull[part, i, 1]) if b == 4 else (wheel[i, 0], wheel[i, 1])
                vertices[i, 0], vertices[i, 1] = cos * x - sin * y + bx, sin * x + cos * y + by
            _transform(vertices, n, camera, px, py)
            _fill(buffer, px, py, n, _pack(204, 0, 0) if b == 4 else np.uint32(0), False, lo, hi)
        if b == 4:
            break
        s1, s2 = math.sin(phases[b]), math.sin(phases[b] + 1.2)
        if s1 > 0 and s2 > 0:
            continue  # the stripe is on the underside
        c1, c2 = math.cos(phases[b]), math.cos(phases[b] + 1.2)
        if s1 > 0:
            c1 = np.sign(c1)
        if s2 > 0:
            c2 = np.sign(c2)
        for i in range(4):
            x, y = wheel[i, 0], wheel[0, 1] * (c1 if i < 2 else c2)
            vertices[i, 0], vertices[i, 1] = cos * x - sin * y + bx, sin * x + cos * y + by
        _transform(vertices, n, camera, px, py)  # n is 4, but as a literal it would be another function to compile
        _fill(buffer, px, py, n, _pack(77, 77, 77), False, lo, hi)


@njit(cache=True)
def draw(buffer, out, t, playfield, square, colors, polygons, polygon_colors, bodies, phases, hull, wheel):
    """Draw one observation into out (64, 64, 3) uint8.

    buffer: (ROWS, COLUMNS) uint32 scratch. t: seconds since the reset, for the opening zoom. playfield, square: metres.
    colors: (2, 3) field and grass. polygons: (N, 4, 2) metres, painted in order with polygon_colors (N, 3).
    bodies: (5, 3) x, y, angle of the four wheels and the hull. phases: (4,) of the wheels.
    hull: (4, 9, 2) polygons, row 8 holding the number of vertices. wheel: (4, 2).
    """
    angle, zoom = -bodies[4, 2], 0.6 * max(1 - t, 0) + 16.2 * min(t, 1)
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = -bodies[4, 0] * zoom, -bodies[4, 1] * zoom
    camera = (cos, sin, zoom, cos * x - sin * y + WINDOW_W / 2, sin * x + cos * y + WINDOW_H / 4)
    px, py = np.empty(8, np.int64), np.empty(8, np.int64)
    lo, hi = np.empty(ROWS, np.int64), np.empty(ROWS, np.int64)
    bg, grass = _pack(colors[0, 0], colors[0, 1], colors[0, 2]), _pack(colors[1, 0], colors[1, 1], colors[1, 2])
    _draw_grass(buffer, camera, playfield, square, bg, grass, px, py, lo, hi)
    for i in range(polygons.shape[0]):
        if _in_view(polygons[i, 0, 0], polygons[i, 0, 1], camera, MARGIN):
            _transform(polygons[i], 4, camera, px, py)
            c = polygon_colors[i]
            _fill(buffer, px, py, 4, _pack(int(c[0]), int(c[1]), int(c[2])), True, lo, hi)
    _draw_car(buffer, camera, bodies, phases, hull, wheel, px, py, lo, hi)
    _average(buffer, out)
