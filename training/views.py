"""How a camera stands towards its object: turns, tilts and perspectives as 3×3 matrices, and where boxes go."""

import cv2
import numpy as np

from pack import FACE

CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 24, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))], 1) / 2


def angle(rng: np.random.Generator, kind: int) -> float:
    """Radians: mostly upright, often a little off, now and then far off, one in twenty by quarter turns."""
    draw = rng.random()
    if draw < 0.05:
        return float(np.deg2rad(90.0 * rng.integers(1, 4) + rng.normal(0, 3)))
    if draw < 0.17:
        most = 35.0 if kind == FACE else 40.0
        return float(np.deg2rad(rng.uniform(-most, most)))
    if draw < 0.42:
        return float(np.deg2rad(rng.normal(0, 10.0 if kind == FACE else 4.0)))
    return 0.0


def perspective(rng: np.random.Generator, center: np.ndarray, size: float) -> np.ndarray:
    """As seen from the side or from above: around `center`, and about as strong whatever `size` the object has."""
    yaw, pitch = rng.uniform(-0.85, 0.85), rng.uniform(-0.5, 0.5)
    away = max(size, 8.0) * rng.uniform(3, 10)
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    # A plane turned by yaw and pitch, seen from `away` pixels.
    seen = np.array([[cy, sp * sy, 0], [0, cp, 0], [-sy / away, cy * sp / away, 1]])
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = center, -np.asarray(center)
    return there @ seen @ back


def steep(m: np.ndarray, w: float, h: float) -> bool:
    """Whether a corner of the picture would come too near to the horizon, or lie behind it."""
    depth = m[2] @ np.array([[0, w, w, 0], [0, 0, h, h], [1, 1, 1, 1]])
    return bool(depth.min() < 0.25 * depth.max())


def moved(m: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [N, 2] through a 3×3 matrix."""
    x = np.hstack([points, np.ones((len(points), 1))]) @ m.T
    return x[:, :2] / x[:, 2:]


def bounds(m: np.ndarray, box, kind: int) -> np.ndarray:
    """Left, top, right, bottom of what (x, y, w, h) becomes; a face turns as an ellipse does."""
    x, y, w, h = box
    points = moved(m, (CIRCLE if kind == FACE else CORNERS) * (w, h) + (x + w / 2, y + h / 2))
    return np.concatenate([points.min(0), points.max(0)])


def warped(image: np.ndarray, m: np.ndarray, w: int, h: int, zoom: float, pad: int) -> np.ndarray:
    """The picture through `m`, which counts in pixels of the picture of which `image` shows one in `zoom`."""
    # Boxes are edges and pixels are centres: pixel u of the image stands at zoom·(u + ½) of the picture.
    m = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]) @ m @ np.array([[zoom, 0, zoom / 2], [0, zoom, zoom / 2], [0, 0, 1]])
    if np.allclose(m[2], (0, 0, 1), atol=1e-12):
        return cv2.warpAffine(image, m[:2], (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=pad)
    return cv2.warpPerspective(image, m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=pad)
