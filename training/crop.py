"""FORMAT.md's crop of a plate for the reader."""

import cv2
import numpy as np

ROWS, COLUMNS = 48, 144
# What is added to a plate's box on both sides, in shares of its width and height.
GROW = (0.12, 0.2)


def to_crop(patch: np.ndarray, px: int, py: int, x0: float, y0: float, width: float, height: float, size=(ROWS, COLUMNS)) -> np.ndarray:
    """FORMAT.md's crop: block means, then bilinear. `patch` starts at pixel (px, py) of the picture."""
    rows_, columns = size
    fx, fy = max(1, int(width / columns)), max(1, int(height / rows_))
    if fx > 1 or fy > 1:
        patch = block_means(patch, fx, fy)
    m = np.array([[fx * columns / width, 0, ((px - x0) + fx / 2) * columns / width - 0.5],
                  [0, fy * rows_ / height, ((py - y0) + fy / 2) * rows_ / height - 0.5]])
    return cv2.warpAffine(patch, m, (columns, rows_), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def block_means(patch: np.ndarray, fx: int, fy: int) -> np.ndarray:
    h, w = patch.shape
    ys, xs = np.arange(0, h, fy), np.arange(0, w, fx)
    total = np.add.reduceat(np.add.reduceat(patch.astype(np.float32), ys, 0), xs, 1)
    counts = np.minimum(h - ys, fy)[:, None] * np.minimum(w - xs, fx)[None, :]
    return np.clip(total / counts + 0.5, 0, 255).astype(np.uint8)


def cut(picture: np.ndarray, box: list[float]) -> np.ndarray:
    """FORMAT.md's crop of a plate's box in a picture."""
    x, y, w, h = box
    x0, y0, width, height = x - GROW[0] * w, y - GROW[1] * h, w * (1 + 2 * GROW[0]), h * (1 + 2 * GROW[1])
    rows_, columns = picture.shape
    px, py = min(max(0, int(np.floor(x0))), columns - 1), min(max(0, int(np.floor(y0))), rows_ - 1)
    qx, qy = min(columns, int(np.ceil(x0 + width))), min(rows_, int(np.ceil(y0 + height)))
    patch = picture[py : max(qy, py + 1), px : max(qx, px + 1)]
    return to_crop(patch, px, py, x0, y0, width, height)
