"""What stands before an object, lies over the picture or was done to it on purpose: bars, meshes, bands of light, fog, burnt-in text.

Every function takes a grey picture and `size`, about how wide its object is in pixels, and returns a new picture.
"""

import cv2
import numpy as np

import glyphs


def stripes(shape: tuple[int, int], pitch: float, share: float, angle: float, phase: float) -> np.ndarray:
    """How much of each pixel parallel stripes cover: `share` of every `pitch` pixels, upright at angle 0."""
    h, w = shape
    across = np.cos(angle) * np.arange(w, dtype=np.float32)[None, :] + np.sin(angle) * np.arange(h, dtype=np.float32)[:, None]
    away = np.abs((across + phase * pitch) % pitch - pitch / 2)
    return np.clip(share * pitch / 2 - away + 0.5, 0, 1)


def painted(image: np.ndarray, cover: np.ndarray, tone) -> np.ndarray:
    """`tone` over the picture, as much as `cover` says."""
    return (image + (np.asarray(tone, np.float32) - image) * cover + 0.5).clip(0, 255).astype(np.uint8)


def bars(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """The bars of a gate or a railing, flat or round, often with rails across."""
    pitch = max(4.0, size * np.exp(rng.uniform(np.log(0.15), np.log(1.2))))
    share, lean, phase = rng.uniform(0.15, 0.6), rng.normal(0, 0.04), rng.random()
    cover = stripes(image.shape, pitch, share, lean, phase)
    tone = np.full(image.shape, rng.uniform(0, 255), np.float32)
    if rng.random() < 0.5:  # round: brighter along a line
        tone += (stripes(image.shape, pitch, 0.4 * share, lean, phase + rng.normal(0, 0.1 * share)) - 0.4) * rng.uniform(-70, 90)
    if rng.random() < 0.4:
        rails = stripes(image.shape, pitch * rng.uniform(2, 6), rng.uniform(0.05, 0.15), np.pi / 2 + lean, rng.random())
        cover = np.maximum(cover, rails)
    return painted(image, cover, tone)


def mesh(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Wire netting before the object: diamonds or squares."""
    pitch = max(3.5, size * np.exp(rng.uniform(np.log(0.08), np.log(0.6))))
    share = max(rng.uniform(0.08, 0.35), 0.6 / pitch)
    angle = rng.normal(0, 0.03) if rng.random() < 0.4 else np.pi / 4 + rng.normal(0, 0.12)
    other = np.pi / 2 + angle if rng.random() < 0.7 else -angle + (np.pi / 2 if abs(angle) < 0.2 else 0)
    cover = np.maximum(stripes(image.shape, pitch, share, angle, rng.random()), stripes(image.shape, pitch, share, other, rng.random()))
    return painted(image, cover * rng.uniform(0.6, 1.0), rng.uniform(0, 255))


def wires(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """A few cables, branches or the blade of a wiper, at any angle."""
    h, w = image.shape
    cover = np.zeros((h, w), np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        ends = rng.uniform(-0.2, 1.2, (2, 2)) * (w, h)
        middle = ends.mean(0) + rng.normal(0, 0.1, 2) * (w, h)
        t = np.linspace(0, 1, 16)[:, None]
        line = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * middle + t**2 * ends[1]
        wide = size * (rng.uniform(0.02, 0.12) if rng.random() < 0.7 else rng.uniform(0.15, 0.4))
        cv2.polylines(cover, [np.round(line * 8).astype(np.int32)], False, 255, max(1, round(wide)), cv2.LINE_AA, 3)
    return painted(image, cover.astype(np.float32) / 255, rng.uniform(0, 90) if rng.random() < 0.75 else rng.uniform(90, 255))


def bands(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Bands of half light: a blind's shadow, a lamp that flickers while the rows are read out."""
    pitch = max(4.0, size * np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
    cover = stripes(image.shape, pitch, rng.uniform(0.3, 0.7), np.pi / 2 + rng.normal(0, 0.05), rng.random())
    if rng.random() < 0.4:
        cover = cv2.GaussianBlur(cover, (0, 0), pitch / 6)
    return (image * (1 - cover * rng.uniform(0.3, 0.75)) + 0.5).astype(np.uint8)


def fog(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Fog, haze or a misted pane: little contrast around one grey, less towards the top, and often a blur."""
    h, _ = image.shape
    clear = np.linspace(rng.uniform(0.12, 0.6), rng.uniform(0.12, 0.6), h, dtype=np.float32)[:, None]
    air = rng.uniform(130, 245) if rng.random() < 0.8 else rng.uniform(40, 130)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, max(0.5, size / 40)))
    return (image * clear + air * (1 - clear) + 0.5).clip(0, 255).astype(np.uint8)


def halos(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Local contrast stretched as cameras of doors and editors do it, which leaves halos."""
    if rng.random() < 0.5:
        tiles = int(rng.integers(2, 12))
        return cv2.createCLAHE(float(np.exp(rng.uniform(np.log(3), np.log(40)))), (tiles, tiles)).apply(image)
    x = image.astype(np.float32)
    near = cv2.GaussianBlur(x, (0, 0), max(1.5, size * rng.uniform(0.05, 0.5)))
    return (x + (x - near) * rng.uniform(0.8, 4.0) + 0.5).clip(0, 255).astype(np.uint8)


def interlaced(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Every other row from another moment, with the object elsewhere; or with other light."""
    out = image.copy()
    shift = max(1, round(size * rng.uniform(0.02, 0.2)))
    out[1::2] = np.roll(image, shift if rng.random() < 0.5 else -shift, 1)[1::2]
    if rng.random() < 0.3:
        out[1::2] = (out[1::2] * rng.uniform(0.5, 1.0)).astype(np.uint8)
    return out


def writing(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """A watermark over everything, or a line burnt into the picture: a date, a place, a camera's name."""
    h, w = image.shape
    cover = np.zeros((h, w), np.uint8)
    text = "".join((glyphs.ALPHABET + "   :-/.")[k] for k in rng.integers(0, 43, rng.integers(4, 24)))
    scale = max(0.25, size / 60 * rng.uniform(0.3, 1.2))
    font, thick = int(rng.integers(0, 5)), max(1, round(scale * rng.uniform(1, 3)))
    (across, down), _ = cv2.getTextSize(text, font, scale, thick)
    if rng.random() < 0.5:
        for y in range(int(rng.integers(0, 2 * down + 2)), h + down, int(down * rng.uniform(2, 6)) + 4):
            for x in range(-int(rng.integers(0, across + 1)), w, int(across * rng.uniform(1.05, 1.6)) + 4):
                cv2.putText(cover, text, (x, y), font, scale, 255, thick, cv2.LINE_AA)
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-45, 45), 1.3)
        cover, strength = cv2.warpAffine(cover, turn, (w, h)), rng.uniform(0.15, 0.6)
    else:
        at = (int(rng.uniform(-0.1, 0.5) * w), int(rng.uniform(0.02, 1.0) * h))
        if rng.random() < 0.3:
            cv2.rectangle(image := image.copy(), (at[0], at[1] - down - 3), (at[0] + across, at[1] + 4), int(rng.integers(0, 255)), -1)
        cv2.putText(cover, text, at, font, scale, 255, thick, cv2.LINE_AA)
        strength = rng.uniform(0.7, 1.0)
    return painted(image, cover.astype(np.float32) / 255 * strength, rng.uniform(180, 255) if rng.random() < 0.7 else rng.uniform(0, 80))


def negative(rng: np.random.Generator, image: np.ndarray, size: float) -> np.ndarray:
    """Black for white. For pictures of plates only."""
    return 255 - image


# How often each befalls a picture; the rest stay free of all.
SHARES = {bars: 0.06, mesh: 0.05, wires: 0.03, bands: 0.06, fog: 0.05, halos: 0.05, interlaced: 0.02, writing: 0.03, negative: 0.015}


def befallen(rng: np.random.Generator, image: np.ndarray, size: float, plates_only: bool) -> np.ndarray:
    """The picture after one of all these, or none."""
    draw = rng.random()
    for happen, share in SHARES.items():
        draw -= share
        if draw < 0:
            return image if happen is negative and not plates_only else happen(rng, image, size)
    return image
