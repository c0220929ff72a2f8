"""Real plate crops with their characters in other places: new texts in real letters, light and dirt.

Fewer than three thousand real crops are transcribed, and a net soon knows their texts by heart. Where each character stands is found
by an earlier reader's alignment; then columns of the picture change places, or come from another crop of the same set.
"""

import dataclasses
import pathlib

import cv2
import numpy as np

import glyphs
import slnn
from crop import GROW, cut

# Characters wider or narrower than this many median pitches hold a gap or an emblem, and stay.
NARROW, WIDE = 0.5, 1.35
# A column with more letter than this goes through one.
TOUCHING = 0.09
# How often characters change places, how often the light is turned to dark, and how many of the changed ones come from another crop.
MOVED, TURNED, FOREIGN = 0.5, 0.05, 0.3


@dataclasses.dataclass
class Crop:
    """A plate, what it says, the columns between which its characters stand, and which of these touch nothing and are as wide as most."""

    image: np.ndarray
    text: str
    cuts: list[int] | None = None
    free: list[int] = dataclasses.field(default_factory=list)

    def part(self, k: int) -> np.ndarray:
        return self.image[:, self.cuts[k] : self.cuts[k + 1]]


def located(crops: dict[str, list[tuple[np.ndarray, str]]], reader: pathlib.Path | None) -> dict[str, list[Crop]]:
    """Each crop with where its characters stand, as far as a reader agrees; without one, nobody knows."""
    if reader is None:
        return {name: [Crop(image, text) for image, text in of] for name, of in crops.items()}
    model = slnn.Model(reader)
    return {name: [Crop(image, text, *columns(model, image, text, name == "us")) for image, text in of] for name, of in crops.items()}


def columns(model: slnn.Model, image: np.ndarray, text: str, either: bool) -> tuple[list[int] | None, list[int]]:
    """Where one character ends and the next begins, first and last included, if all stand in one line; and which may be moved."""
    h, w = image.shape
    logits = model.run(cut(image, [0, 0, w, h])[None])[0]
    rows, steps, symbols = logits.shape
    log_p = logits - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True)) - logits.max(-1, keepdims=True)
    log_p = log_p.reshape(rows * steps, symbols).astype(np.float64)
    if either:
        zero, oh = (glyphs.ALPHABET.index(ch) + 1 for ch in "0O")
        log_p[:, zero] = np.logaddexp(log_p[:, zero], log_p[:, oh])
    where, likely = aligned(log_p, [glyphs.ALPHABET.index(ch) + 1 for ch in text], model.meta["blank"])
    if likely < -2.5 * len(text) or len({step // steps for step in where}) > 1:
        return None, []
    # The crop is the plate and a margin on either side.
    grow = (1 - 1 / (1 + 2 * GROW[0])) / 2
    centers = [((step % steps + 0.5) / steps - grow) / (1 - 2 * grow) * w for step in where]
    pitch = float(np.median(np.diff(centers)))
    if pitch < 6:
        return None, []
    ink = inked(image, centers, pitch)
    cuts = [gap(ink, centers[0] - 0.9 * pitch, centers[0] - 0.25 * pitch, last=True)]
    cuts += [gap(ink, a + 0.22 * (b - a), b - 0.22 * (b - a)) for a, b in zip(centers, centers[1:])]
    cuts.append(gap(ink, centers[-1] + 0.25 * pitch, centers[-1] + 0.9 * pitch))
    widths = np.diff(cuts)
    if widths.min() < 3:
        return None, []
    clean = [0 < c < w and ink[c] <= TOUCHING for c in cuts]
    usual = np.median(widths)
    return cuts, [k for k, wide in enumerate(widths) if clean[k] and clean[k + 1] and NARROW * usual <= wide <= WIDE * usual]


def inked(image: np.ndarray, centers: list[float], pitch: float) -> np.ndarray:
    """The share of each column that is letter, in the rows where letters surely are: whichever of dark and light is less."""
    h, w = image.shape
    band = cv2.GaussianBlur(image, (0, 0), 0.6)[int(0.3 * h) : int(0.72 * h)]
    inner = np.ascontiguousarray(band[:, max(0, int(centers[0] - 0.4 * pitch)) : min(w, int(centers[-1] + 0.4 * pitch) + 1)])
    level, _ = cv2.threshold(inner, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    light = (inner > level).mean() < 0.5
    return ((band > level) == light).mean(0)


def gap(ink: np.ndarray, low: float, high: float, last: bool = False) -> int:
    """The middle of the first or last run of columns, between two, that have least ink."""
    low, high = max(0, round(low)), min(len(ink), round(high) + 1)
    if high <= low:
        return min(max(0, low), len(ink))
    least = np.flatnonzero(ink[low:high] <= ink[low:high].min() + 0.02)
    runs = np.split(least, np.flatnonzero(np.diff(least) > 1) + 1)
    run = runs[-1] if last else max(runs, key=len)
    return low + int(run[len(run) // 2])


def aligned(log_p: np.ndarray, labels: list[int], blank: int) -> tuple[list[int], float]:
    """The likeliest step of each label on a path of connectionist temporal classification, and the path's log probability."""
    states = [blank] + [s for label in labels for s in (label, blank)]
    best = np.full((len(log_p), len(states)), -np.inf)
    come = np.zeros(best.shape, int)
    best[0, :2] = log_p[0, states[:2]]
    for t in range(1, len(log_p)):
        for s, symbol in enumerate(states):
            ways = [(best[t - 1, s], s)]
            if s:
                ways.append((best[t - 1, s - 1], s - 1))
            if s > 1 and symbol != blank and symbol != states[s - 2]:
                ways.append((best[t - 1, s - 2], s - 2))
            value, come[t, s] = max(ways)
            best[t, s] = value + log_p[t, symbol]
    s = len(states) - 1 if best[-1, -1] >= best[-1, -2] else len(states) - 2
    likely, path = float(best[-1, s]), []
    for t in range(len(log_p) - 1, -1, -1):
        path.append(s)
        s = come[t, s]
    path.reverse()
    where = []
    for k in range(len(labels)):
        steps = [t for t, s in enumerate(path) if s == 2 * k + 1]
        where.append(max(steps, key=lambda t: log_p[t, labels[k]]))
    return where, likely


def mixed(rng: np.random.Generator, crops: list[Crop]) -> tuple[np.ndarray, str]:
    """One of the crops, in half of the cases with other characters in its places."""
    crop = crops[rng.integers(len(crops))]
    image, text, free = crop.image, crop.text, crop.free
    if len(free) >= 2 and rng.random() < MOVED:
        order = list(rng.permutation(free))
        taken = {k: (crop, int(j)) for k, j in zip(free, order)}
        if rng.random() < 0.5:
            for k in free:
                other = crops[rng.integers(len(crops))]
                theirs = other.free
                if theirs and rng.random() < FOREIGN and alike(crop, other):
                    taken[k] = (other, theirs[rng.integers(len(theirs))])
        parts, said, at = [image[:, : crop.cuts[0]]], [], crop.cuts[0]
        for k, ch in enumerate(text):
            if k in taken:
                giver, j = taken[k]
                part, ch = giver.part(j), giver.text[j]
                parts.append(fitted(part, crop.part(k)) if giver is not crop else part)
            else:
                parts.append(crop.part(k))
            said.append(ch)
        parts.append(image[:, crop.cuts[-1] :])
        image, text = np.hstack(parts), "".join(said)
    if rng.random() < TURNED:
        image = 255 - image
    return image, text


def alike(one: Crop, other: Crop) -> bool:
    """Whether characters of the other may stand among the one's: as wide for their height, and dark on light as those."""
    wide = [np.median(np.diff(c.cuts)) / c.image.shape[0] for c in (one, other)]
    return abs(np.log(wide[0] / wide[1])) < 0.2 and dark_on_light(one) == dark_on_light(other)


def dark_on_light(crop: Crop) -> bool:
    """Letters take less of a plate than what they stand on."""
    h = crop.image.shape[0]
    band = crop.image[int(0.25 * h) : int(0.75 * h), crop.cuts[0] : crop.cuts[-1]]
    low, high = np.percentile(band, (5, 95))
    return bool((band > (low + high) / 2).mean() > 0.5)


def fitted(part: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Another crop's character at this height, with this one's light."""
    h = place.shape[0]
    part = cv2.resize(part, (max(3, round(part.shape[1] * h / part.shape[0])), h), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(part, (5, 95))
    dark, light = np.percentile(place, (5, 95))
    return np.clip((part - low) * ((light - dark) / max(high - low, 8.0)) + dark, 0, 255).astype(np.uint8)
