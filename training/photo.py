"""What cameras, weather and files do to a grey picture; cheap enough for hundreds of crops a second."""

import cv2
import numpy as np

import obstacles

_NOISE = np.random.default_rng(7).normal(0, 24, (1024, 1024)).astype(np.int16)


def tone(rng: np.random.Generator, image: np.ndarray, dark: float = 0.12) -> np.ndarray:
    """Exposure, contrast and gamma in one table; a share `dark` of the pictures falls into night."""
    x = np.arange(256, dtype=np.float32) / 255
    x = x ** np.exp(rng.normal(0, 0.3))
    gain, lift = np.exp(rng.normal(0, 0.22)), rng.normal(0, 0.06)
    if rng.random() < dark:
        gain *= rng.uniform(0.12, 0.5)
    x = (x - 0.5) * gain + 0.5 * min(gain, 1.0) + lift if gain > 1 else x * gain + lift
    return cv2.LUT(image, np.clip(x * 255 + 0.5, 0, 255).astype(np.uint8))


def noise(rng: np.random.Generator, image: np.ndarray, most: float) -> np.ndarray:
    """Sensor noise from a fixed field, anywhere in it; sometimes coarse, as after a denoiser."""
    h, w = image.shape
    whole = _NOISE if max(h, w) < 1024 else np.tile(_NOISE, (h // 1024 + 1, w // 1024 + 1))
    coarse = rng.random() < 0.3 and h < 900 and w < 900
    y, x = (rng.integers(0, room - (n // 2 + 1 if coarse else n)) for room, n in zip(whole.shape, (h, w)))
    if coarse:
        field = cv2.resize(whole[y : y + h // 2 + 1, x : x + w // 2 + 1], (w, h))
    else:
        field = whole[y : y + h, x : x + w]
    strength = int(256 * most / 24 * rng.random() ** 2)
    return cv2.add(image.astype(np.int16), (field * strength) >> 8).clip(0, 255).astype(np.uint8)


def blur(rng: np.random.Generator, image: np.ndarray, most: float) -> np.ndarray:
    """Out of focus or moving."""
    if rng.random() < 0.6:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, most))
    n = int(rng.integers(2, max(3, int(most * 4)))) | 1
    kernel = np.zeros((n, n), np.float32)
    angle = rng.uniform(0, np.pi) if rng.random() < 0.5 else 0.0
    dx, dy = np.cos(angle) * n / 2, np.sin(angle) * n / 2
    cv2.line(kernel, (round(n / 2 - dx), round(n / 2 - dy)), (round(n / 2 + dx), round(n / 2 + dy)), 1)
    return cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6))


def rain(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Bright streaks, all in one direction."""
    h, w = image.shape
    streaks = np.zeros_like(image)
    lean = rng.normal(0, 0.2)
    for _ in range(int(rng.integers(20, 150))):
        x, y, n = rng.integers(w), rng.integers(h), rng.integers(4, 20)
        cv2.line(streaks, (int(x), int(y)), (int(x + lean * n), int(y + n)), int(rng.integers(30, 110)), 1)
    return cv2.add(image, streaks)


def jpeg(rng: np.random.Generator, image: np.ndarray, least: int, most: int = 96) -> np.ndarray:
    """Through a JPEG file."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(least, most))])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if done else image


def coarse(rng: np.random.Generator, image: np.ndarray, most: float) -> np.ndarray:
    """As if taken with fewer pixels."""
    h, w = image.shape
    k = rng.uniform(1.2, most)
    small = cv2.resize(image, (max(4, int(w / k)), max(4, int(h / k))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_NEAREST)


def occlude(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A bar, a pole or a patch of any grey across the picture."""
    h, w = image.shape
    x, y = rng.integers(w), rng.integers(h)
    bw, bh = (rng.integers(2, 10), h) if rng.random() < 0.4 else (rng.integers(4, w // 6), rng.integers(4, h // 6))
    image[y : y + bh, x : x + bw] = rng.integers(0, 255)
    return image


def photograph(rng: np.random.Generator, image: np.ndarray, size: float, plates_only: bool) -> np.ndarray:
    """A detector's crop, whose object is about `size` pixels wide, as some camera might have taken it."""
    image = obstacles.befallen(rng, image, size, plates_only)
    if rng.random() < 0.65:
        image = tone(rng, image)
    elif rng.random() < 0.1:  # nearly black, in few steps of grey
        image = (image * rng.uniform(0.08, 0.3) + rng.uniform(0, 12)).astype(np.uint8)
    if rng.random() < 0.1:
        image = coarse(rng, image, 2.0)
    if rng.random() < 0.2:
        image = blur(rng, image, 1.3)
    if rng.random() < 0.04:
        image = rain(rng, image)
    if rng.random() < 0.1:
        image = occlude(rng, image)
    if rng.random() < 0.3:
        image = noise(rng, image, 16 if rng.random() < 0.8 else 40)
    if rng.random() < 0.3:
        image = jpeg(rng, image, 35 if rng.random() < 0.7 else 8)
    return image
