"""Layers of a synthetic dermoscopic image: skin, lesion, artifacts, camera.

Lengths are fractions of the image's shortest side, so the same seed gives the same lesion at any resolution. Each layer
has its own random stream, so leaving out a layer does not change the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from sklearn_melanoma.datasets._noise import Field, honeycomb, make_grid, smooth_noise

# Skin colors in sRGB, Fitzpatrick types I to VI with the color casts of several cameras, and their weights. The colors
# were chosen by eye from dermoscopic images. Public data sets have little dark skin, so it is more frequent here.
SKINS = np.array(
    [
        (232, 196, 192),
        (222, 178, 178),
        (226, 194, 168),
        (226, 186, 140),
        (206, 184, 186),
        (204, 160, 138),
        (186, 140, 108),
        (150, 108, 84),
        (112, 78, 62),
    ],
    dtype=np.float32,
)
SKIN_WEIGHTS = np.array([4, 4, 5, 4, 3, 4, 3, 2, 1]) / 30

# Transmittance of each lesion color: the ratio of lesion to skin in R, G and B.
COLORS = {
    "light brown": (0.76, 0.60, 0.48),
    "dark brown": (0.42, 0.28, 0.25),
    "black": (0.17, 0.14, 0.17),
    "blue-gray": (0.43, 0.49, 0.62),
    "red": (0.86, 0.52, 0.54),
    "white": (1.02, 1.04, 1.10),
}
BASES, BASE_WEIGHTS = ("light brown", "dark brown", "red"), (0.55, 0.37, 0.08)
OTHERS, OTHER_WEIGHTS = ("light brown", "dark brown", "black", "blue-gray", "red", "white"), (4, 5, 3, 1.5, 2, 1)

# Sticker colors in sRGB: blue, turquoise, orange, yellow, red, green. They were chosen by eye from dermoscopic images.
STICKERS = np.array(
    [(20, 130, 180), (90, 185, 180), (235, 150, 60), (225, 190, 60), (235, 60, 35), (70, 150, 80)], dtype=np.float32
)

# Correlation of each trait (size, asymmetry, border, colors) with the severity within a class.
LOADING = 0.85


class Outline(NamedTuple):
    """Place, size and border of a lesion."""

    distance: Field  # signed distance to the border, negative inside
    radius: float
    width: Field  # length over which the border fades


def draw_image(
    seed: int,
    severity: float,
    shape: tuple[int, int],
    *,
    hair: bool = False,
    light_hair: float = 0,
    vignette: bool = False,
    ruler: float = 0,
    sticker: bool = False,
    bubbles: bool = False,
    uneven_light: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a synthetic image and its true mask.

    Parameters
    ----------
    seed : int
        Seed of all random choices.
    severity : float
        Shift of size, asymmetry, border irregularity and number of colors towards melanoma. 0 is
        the typical nevus, 2 the typical melanoma.
    shape : tuple of int
        Height and width in pixels.
    hair : bool
        Whether the image has hair.
    light_hair : float
        Probability that the hair is light, if there is hair.
    vignette : bool
        Whether the corners are dark.
    ruler : float
        Probability of a ruler along one side.
    sticker : bool
        Whether the image has a colored sticker beside the lesion.
    bubbles : bool
        Whether there are bubbles in the gel.
    uneven_light : bool
        Whether the light falls off to one side.

    Returns
    -------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.
    mask : ndarray of shape (height, width), dtype bool
        Pixels in which the lesion's color makes up more than half.
    """
    # Layers count from 1, because numpy treats the seed [seed, 0] like the seed alone.
    streams = [np.random.default_rng([seed, layer]) for layer in range(1, 11)]
    outline = _draw_outline(streams[0], severity, shape)
    cover = _compute_cover(outline.distance, outline.width)
    image = _draw_skin(streams[1], shape)
    image *= 1 - cover[..., np.newaxis] * (1 - _draw_pigment(streams[2], severity, outline))
    if hair:
        _add_hair(streams[3], image, light_hair)
    _add_ruler(streams[4], image, ruler)
    if sticker:
        _add_sticker(streams[7], image, outline.distance)
    if bubbles:
        _add_bubbles(streams[8], image)
    if uneven_light:
        _add_uneven_light(streams[9], image)
    _add_vignette(streams[5], image, vignette=vignette)
    return _expose_image(streams[6], image), outline.distance < 0


def _draw_outline(rng: np.random.Generator, severity: float, shape: tuple[int, int]) -> Outline:
    """Return an ellipse with random waves in its radius and noise in its coordinates."""
    size, asymmetry, border = _sample_traits(rng, severity, 3)
    radius = float(np.clip(0.24 * np.exp(0.15 * size + 0.28 * rng.standard_normal()), 0.08, 0.62))
    axis_ratio = np.exp(-0.22 * abs(rng.standard_normal()))
    turn = rng.uniform(0, np.pi)
    # The lesion is far from the center in every sixth image on average; the frame cuts many of these lesions.
    spread = 0.25 if rng.random() < 1 / 6 else 0.07
    y, x = make_grid(shape)
    half = np.array([y[-1, 0], x[0, -1]])
    center = np.clip(rng.normal(0, spread, 2), -0.75 * half, 0.75 * half)

    low, high = np.arange(1, 4), np.arange(4, 16)
    amplitudes = np.concatenate(
        [
            min(0.055 * np.exp(0.40 * asymmetry), 0.22) * rng.standard_normal(3) / np.sqrt(low),
            min(0.016 * np.exp(0.38 * border), 0.055) * rng.standard_normal(12) * np.sqrt(4 / high),
        ]
    )
    angles = np.linspace(-np.pi, np.pi, 361)
    waves = np.cos(np.outer(angles, np.concatenate([low, high])) + rng.uniform(0, 2 * np.pi, 15))
    radii = radius * np.exp(waves @ amplitudes)
    # One part of a border can be sharp and another part faded.
    width = np.clip(0.016 * np.exp(0.55 * rng.standard_normal()), 0.004, 0.05)
    widths = width * np.exp(0.5 * np.cos(angles + rng.uniform(0, 2 * np.pi)) * rng.standard_normal())

    shake = min(0.05 * np.exp(0.35 * border), 0.11) * radius
    y = y - center[0] + shake * smooth_noise(rng, shape, 2.5 / radius, octaves=3)
    x = x - center[1] + shake * smooth_noise(rng, shape, 2.5 / radius, octaves=3)
    along = (np.cos(turn) * x + np.sin(turn) * y) * np.sqrt(axis_ratio)
    across = (np.cos(turn) * y - np.sin(turn) * x) / np.sqrt(axis_ratio)
    angle = np.arctan2(across, along)
    distance = np.hypot(along, across) - np.interp(angle, angles, radii)
    return Outline(distance.astype(np.float32), radius, np.interp(angle, angles, widths).astype(np.float32))


def _draw_pigment(rng: np.random.Generator, severity: float, outline: Outline) -> Field:
    """Return the lesion's transmittance, with patches of color, a core, a network or globules."""
    (variety,) = _sample_traits(rng, severity, 1)
    shape, radius = outline.distance.shape, outline.radius
    n_colors = int(np.clip(np.rint(1.7 + 0.75 * variety), 1, 6))
    names = [str(rng.choice(BASES, p=BASE_WEIGHTS))]
    weights = np.array([weight * (name != names[0]) for name, weight in zip(OTHERS, OTHER_WEIGHTS, strict=True)])
    names += [str(name) for name in rng.choice(OTHERS, min(n_colors - 1, 5), replace=False, p=weights / weights.sum())]
    strength = np.clip(np.exp(0.35 * rng.standard_normal()), 0.45, 1.7)
    depth, pale_rim = rng.normal(0.1, 0.25), rng.random() < 0.2
    core_size, core_place = rng.uniform(0.3, 0.7), rng.normal(0, 0.25, 2)
    net, dots, grain = np.clip(rng.normal((0.15, 0.0, 0.12), (0.18, 0.10, 0.05)), 0, 0.6)
    period = rng.uniform(0.028, 0.05)

    # Depth inside the lesion, 0 at the border and about 1 at the center.
    inside = np.clip(-outline.distance / radius, 0, 1)
    patches = []
    for k, name in enumerate(names):
        # The first color covers most of the lesion. Blue-gray and white stay inside, because a white rim would not look
        # like part of a lesion.
        lead = 0.6 if k == 0 else 0
        deep = np.clip(3 * inside - 1.3, -1.5, 0) if name in ("blue-gray", "white") else 0
        patches.append(np.exp(4.5 * (smooth_noise(rng, shape, 0.9 / radius, octaves=3) + lead + deep)))
    total = np.sum(patches, axis=0)
    density = np.zeros((*shape, 3), dtype=np.float32)
    for name, patch in zip(names, patches, strict=True):
        density -= (patch / total)[..., np.newaxis] * np.log(np.array(COLORS[name], dtype=np.float32))

    profile = 1 + depth * (2 * inside - 0.7) + grain * smooth_noise(rng, shape, 14, octaves=3)
    if pale_rim:  # a dark core in a pale lesion; thresholds find only the core
        core_noise = core_place[0] + 0.3 * smooth_noise(rng, shape, 0.8 / radius)
        profile *= 0.35 + 0.9 * _compute_cover(core_size - core_noise - inside, 0.125)
    # The meshes of a real pigment network vary in size, and the network has gaps.
    wave = 0.7 * honeycomb(rng, shape, period) + 0.25 * smooth_noise(rng, shape, 0.8 / period, octaves=2)
    local = np.clip(0.6 + 0.7 * smooth_noise(rng, shape, 3), 0, 1.5)
    profile += local * (net * np.clip(0.6 - wave, -0.6, 1) + dots * np.clip(3 * wave - 1.5, 0, 1))
    return np.exp(-strength * density * np.clip(profile, 0.1, 2.2)[..., np.newaxis]).astype(np.float32)


def _draw_skin(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Draw unevenly lit skin in 0..1 with furrows and blotches, and sometimes freckles or a second spot."""
    y, x = make_grid(shape)
    tone = SKINS[rng.choice(len(SKINS), p=SKIN_WEIGHTS)] / 255
    tone = tone * np.exp(rng.normal(0, 0.05) + rng.normal(0, 0.03, 3))
    tilt, falloff = rng.normal(0, 0.12, 2), np.clip(rng.normal(0.15, 0.15), -0.1, 0.6)
    furrows, blotches, redness = np.abs(rng.normal(0, (0.012, 0.03, 0.022)))
    freckles = rng.uniform(0.1, 0.3) if rng.random() < 0.25 else 0.0
    second_spot = rng.random() < 0.12
    place, direction = rng.uniform(0, 2 * np.pi), rng.uniform(0, np.pi)

    light = tilt[0] * y + tilt[1] * x - falloff * (y**2 + x**2)
    light = light + blotches * smooth_noise(rng, shape, 4, octaves=4)
    ripple = np.cos(direction) * x + np.sin(direction) * y + 0.03 * smooth_noise(rng, shape, 5)
    light += furrows * (np.sin(ripple * 2 * np.pi / rng.uniform(0.02, 0.04)) + smooth_noise(rng, shape, 40, octaves=2))
    spots = freckles * np.clip(smooth_noise(rng, shape, 12, octaves=2) - 1, 0, 1.5)
    if second_spot:
        half_y, half_x = y[-1, 0], x[0, -1]
        distance = np.hypot(y - 0.85 * half_y * np.sin(place), x - 0.85 * half_x * np.cos(place))
        distance = distance + 0.02 * smooth_noise(rng, shape, 8, octaves=2)
        spots += rng.uniform(0.3, 1.2) * _compute_cover(distance - rng.uniform(0.04, 0.1), 0.012)
    # Melanin absorbs mostly blue light. Blood absorbs green and blue light.
    melanin = np.array([0.35, 0.65, 0.9], dtype=np.float32)
    blood = np.array([0.1, 1.0, 0.8], dtype=np.float32)
    density = spots[..., np.newaxis] * melanin
    density += (redness * smooth_noise(rng, shape, 3, octaves=4))[..., np.newaxis] * blood
    return (tone * np.exp(light[..., np.newaxis] - density)).astype(np.float32)


def _add_hair(rng: np.random.Generator, image: Field, light: float) -> None:
    """Draw 2 to 60 curved hairs over the image, all of them light or all of them dark."""
    height, width = image.shape[:2]
    unit = min(height, width)
    count = int(np.clip(np.rint(np.exp(rng.normal(2.2, 0.8))), 2, 60))
    grow = rng.uniform(0, 2 * np.pi)  # main direction of the hairs
    shade = np.float32(rng.uniform(0.04, 0.3)) * np.array([1.0, 0.85, 0.75], dtype=np.float32)
    if rng.random() < light:
        shade = np.array([0.93, 0.9, 0.86], dtype=np.float32)
    supersampling = 3
    canvas = Image.new("L", (width * supersampling, height * supersampling))
    pen = ImageDraw.Draw(canvas)
    step = np.linspace(0, 1, 24)[:, np.newaxis]
    thickness = rng.uniform(0.004, 0.010)
    for _ in range(count):
        angle = grow + rng.normal(0, 0.45)
        forward = np.array([np.cos(angle), np.sin(angle)])
        start = rng.uniform(-0.1, 1.1, 2) * (width, height)
        length, bend = rng.uniform(0.3, 1.1) * unit, rng.normal(0, 0.15) * unit
        end = start + length * forward
        control = (start + end) / 2 + 2 * bend * forward[::-1] * (1, -1)
        curve = (1 - step) ** 2 * start + 2 * step * (1 - step) * control + step**2 * end
        pen_width = max(round(thickness * rng.uniform(0.7, 1.3) * unit * supersampling), 1)
        pen.line([tuple(point) for point in curve * supersampling], fill=int(rng.uniform(150, 245)), width=pen_width)
    cover = np.asarray(canvas.reduce(supersampling), dtype=np.float32)[..., np.newaxis] / 255
    image += cover * (shade - image)


def _add_ruler(rng: np.random.Generator, image: Field, probability: float) -> None:
    """Draw the ticks of a ruler along one edge, with the given probability."""
    side, pitch, long_tick, inset = rng.integers(4), rng.uniform(0.03, 0.07), rng.uniform(0.05, 0.1), rng.random()
    ink = rng.uniform(0.05, 0.25)
    if rng.random() >= probability:
        return
    turned = np.rot90(image, int(side))  # writing to it writes to the image
    length, unit = turned.shape[1], min(turned.shape[:2])
    top = round(0.04 * inset * unit)
    thickness = max(round(0.008 * unit), 1)
    for tick, left in enumerate(np.arange(0.5 * pitch * unit, length, pitch * unit)):
        depth = long_tick * (1.0 if tick % 5 == 0 else 0.55)
        turned[top : top + round(depth * unit), round(left) : round(left) + thickness] *= ink


def _add_sticker(rng: np.random.Generator, image: Field, distance: Field) -> None:
    """Draw a colored disk or square at the frame, far from the lesion."""
    shape = image.shape[:2]
    y, x = make_grid(shape)
    # The sticker takes the candidate point on the frame that is farthest from the lesion, so it hides no lesion.
    places = np.concatenate([rng.choice([-1, 1], (6, 1)), rng.uniform(-0.8, 0.8, (6, 1))], axis=1)
    places[3:] = places[3:, ::-1]
    rows, columns = (np.rint((places + 1) / 2 * (np.array(shape) - 1)).astype(int)).T
    best = int(distance[rows, columns].argmax())
    outwards = np.where(np.abs(places[best]) == 1, places[best], 0)
    depth = float(np.clip(0.7 * distance[rows[best], columns[best]], 0.03, rng.uniform(0.08, 0.35)))
    size = rng.uniform(0.25, 0.5)
    center = np.array([y[rows[best], 0], x[0, columns[best]]]) + (size - depth) * outwards
    square, turn = rng.random() < 0.3, rng.normal(0, 0.1)
    down, right = y - center[0], x - center[1]
    if square:
        beyond = np.maximum(
            np.abs(np.cos(turn) * down + np.sin(turn) * right), np.abs(np.cos(turn) * right - np.sin(turn) * down)
        )
    else:
        beyond = np.hypot(down, right)
    color = STICKERS[rng.integers(len(STICKERS))] / 255 * np.exp(rng.normal(0, 0.1))
    weave = 1 + 0.04 * smooth_noise(rng, shape, 60)
    cover = _compute_cover(beyond - size, 0.002)[..., np.newaxis]
    image += cover * (color * weave[..., np.newaxis] - image)


def _add_bubbles(rng: np.random.Generator, image: Field) -> None:
    """Draw 4 to 15 bubbles, each with a dark outline, a bright ring inside it and a reflection of the lamp."""
    y, x = make_grid(image.shape[:2])
    lamp = rng.uniform(0, 2 * np.pi)
    for _ in range(rng.integers(4, 16)):
        radius = float(np.clip(0.025 * np.exp(0.6 * rng.standard_normal()), 0.008, 0.1))
        center = rng.uniform(-1, 1, 2) * (y[-1, 0], x[0, -1])
        outline, ring, glare = rng.uniform((0.2, 0.1, 0.3), (0.6, 0.35, 0.8))
        width = 0.12 * radius + 0.002
        from_center = np.hypot(y - center[0], x - center[1])
        spot = center + 0.55 * radius * np.array([np.sin(lamp), np.cos(lamp)])
        from_spot = np.hypot(y - spot[0], x - spot[1])
        dark = outline * _compute_bump(from_center - radius, width)
        reflection = glare * _compute_bump(from_spot, 0.2 * radius)
        bright = ring * _compute_bump(from_center - radius + 2 * width, width) + reflection
        image *= 1 - dark[..., np.newaxis]
        image += np.minimum(bright, 1)[..., np.newaxis] * (1 - image)


def _add_uneven_light(rng: np.random.Generator, image: Field) -> None:
    """Reduce the light towards one side, down to between a half and a fifth."""
    y, x = make_grid(image.shape[:2])
    direction, loss = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.6)
    away = np.sin(direction) * y + np.cos(direction) * x
    away = (away - away.min()) / np.ptp(away)
    image *= np.exp(-loss * away)[..., np.newaxis]


def _add_vignette(rng: np.random.Generator, image: Field, *, vignette: bool) -> None:
    """Darken the image outside the round field of the dermoscope."""
    y, x = make_grid(image.shape[:2])
    half = max(y[-1, 0], x[0, -1])
    radius, softness = half * rng.uniform(0.9, 1.15), rng.uniform(0.008, 0.05)
    center, floor = rng.normal(0, 0.03, 2), rng.uniform(0.02, 0.12)
    if vignette:
        beyond = np.hypot(y - center[0], x - center[1]) - radius
        light = floor + (1 - floor) * _compute_cover(beyond, softness)
        image *= light[..., np.newaxis]


def _expose_image(rng: np.random.Generator, image: Field) -> NDArray[np.uint8]:
    """Blur the image slightly, add sensor noise and convert it to uint8."""
    sigma = rng.uniform(0.0005, 0.0035) * min(image.shape[:2])
    grain = rng.uniform(0.004, 0.015)
    image = ndi.gaussian_filter(image, (sigma, sigma, 0), truncate=3)
    image += grain * rng.standard_normal(image.shape, dtype=np.float32)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _compute_cover(distance: Field, width: Field | float) -> Field:
    """Return the cover of a shape: 1 far inside its border, 0.5 on the border and 0 far outside."""
    return (1 / (1 + np.exp(np.clip(distance / width, -30, 30)))).astype(np.float32)


def _compute_bump(distance: Field, width: float) -> Field:
    """Return a Gaussian of the distance, 1 at distance 0."""
    return np.exp(-((distance / width) ** 2) / 2).astype(np.float32)


def _sample_traits(rng: np.random.Generator, severity: float, count: int) -> NDArray[np.float64]:
    """Sample traits of unit variance that correlate with the severity."""
    return LOADING * severity + np.sqrt(1 - LOADING**2) * rng.standard_normal(count)
