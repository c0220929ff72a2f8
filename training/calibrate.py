"""Chooses, on held-out training pictures and never on a measuring set, what operating.json holds.

For each class: how much the opinions of detector and refiner weigh, and of faces the size, after one window and after the closer look at
what that leaves in doubt; for each side the margin that covers that
side of all but a few in a hundred of the found boxes; and, by what the product itself says of the same pictures with each effort,
the lowest threshold at which a picture has no more than so many regions that touch nothing labelled.
"""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np
import torch

from eyes import Eyes, overlap, size, suppressed, together
from export import OPERATING
from pack import FACE, KINDS, Pack

GRID = [round(0.01 * n, 2) for n in range(1, 91)]
# Much that is small looks like a face, and little that is large; plates are hidden better without.
BY_SIZE = {"plate": False, "face": True}
# Between these probabilities a candidate gets a closer look. A plate shows no more in a mirror.
DOUBT = {"face": (0.02, 0.9)}
# Under which name the detector's file has the threshold of each effort.
EFFORTS = {"fast": "redact", "normal": "normal", "thorough": "thorough"}
# So many regions of a picture may be none, with each effort, but in a set where many are not labelled.
FALSE = {"plate": [0.4, 0.4, 0.5], "face": [0.6, 0.9, 1.2]}
UNCOUNTED = {"plates-train/world"}
# What may be a face, by these probabilities, and is none may be a head. So many heads of a picture may touch no face that is labelled: that
# most heads without a face have no label, and are none of these, nobody can count here.
HEAD_FROM, FACE_FROM, HEADS = 0.01, 0.2, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True, help="the first of them of the photographs in --data")
    parser.add_argument("--models", type=pathlib.Path, required=True, help="operating.json and these are written")
    parser.add_argument("--program", type=pathlib.Path, required=True, help="safelight")
    parser.add_argument("--side", type=float, default=0.985, help="share of found boxes whose side the margin covers")
    parser.add_argument("--most", type=int, default=200, help="held-out pictures of each set")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eyes = Eyes(args.models)
    operating = json.loads(OPERATING.read_text())
    eyes.detector.meta |= operating["detector"]
    for k, kind in enumerate(FALSE):
        seen = list(examined(eyes, args.packs, k, kind, args.most))
        *fuse, by_size = fitted([(truth, hidden, once) for _, truth, hidden, once, _ in seen], BY_SIZE[kind])
        refiner = operating["refiner"][kind] = {"fuse": fuse, "by_size": by_size}
        if kind in DOUBT:
            *fuse, by_size = fitted([(truth, hidden, again) for _, truth, hidden, _, again in seen], BY_SIZE[kind])
            refiner["doubt"] = dict(zip(("from", "until"), DOUBT[kind])) | {"fuse": fuse, "by_size": by_size}
        operating["detector"]["margin"][kind] = margins(eyes, seen, kind, refiner, args.side)
        print(f"{kind}: {refiner}, margin {operating['detector']['margin'][kind]}", flush=True)
    *fuse, by_size = fitted(heads(eyes, args.packs, args.most), True)
    head = operating["refiner"]["head"] = {"fuse": fuse, "by_size": by_size, "head": {"from": HEAD_FROM, "threshold": 0.05}}
    threshold = operating["detector"]["threshold"]
    for name in EFFORTS.values():
        threshold[name] = dict.fromkeys(FALSE, 0.03)
    write(operating, eyes, args.models)
    for nth, (effort, name) in enumerate(EFFORTS.items()):
        told = list(inspected(args, effort))
        threshold[name] = {kind: chosen(told, kind, most[nth], effort) for kind, most in FALSE.items()}
    write(operating, eyes, args.models)
    head["head"]["threshold"] = chosen(list(inspected(args, "thorough")), "head", HEADS, "thorough")
    print(f"head: {head}")
    OPERATING.write_text(json.dumps(operating, indent=2) + "\n")
    write(operating, eyes, args.models)


def write(operating: dict, eyes: Eyes, models: pathlib.Path) -> None:
    """The files of `models` with what was chosen."""
    eyes.detector.meta |= operating["detector"]
    eyes.detector.rewrite(models / "detector.slnn")
    eyes.reader.meta |= operating["reader"]
    eyes.reader.rewrite(models / "reader.slnn")
    for kind, refiner in eyes.refiners.items():
        refiner.meta |= operating["refiner"][kind]
        refiner.rewrite(models / f"refine-{kind}.slnn")
    eyes.heads.meta |= operating["refiner"]["head"]
    eyes.heads.rewrite(models / "refine-head.slnn")


def inspected(args: argparse.Namespace, effort: str):
    """(entry, regions that the product sees) of the held-out photographs."""
    held = [entry for entry in Pack(args.packs[0]).entries if entry["held"]]
    with tempfile.TemporaryDirectory() as folder:
        names = {f"{n:04}{pathlib.Path(entry['path']).suffix}": entry for n, entry in enumerate(held)}
        for name, entry in names.items():
            shutil.copy(args.data / entry["path"], pathlib.Path(folder) / name)
        lines = subprocess.run([args.program, "inspect", folder, "--format", "jsonl", "--quiet", "--models", args.models, "--effort", effort],
                               stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in lines.splitlines():
        row = json.loads(line)
        yield names[row["path"]], row["regions"]


def chosen(told: list, kind: str, most: float, effort: str) -> float:
    """The threshold, and a line for each set on what is found with it."""
    corners = lambda boxes: [[x, y, x + w, y + h] for x, y, w, h, *_ in boxes]  # noqa: E731
    wanted, false, pictures = [], [], collections.Counter()
    labelled = KINDS["face" if kind == "head" else kind]
    for entry, regions in told:
        if labelled not in entry["labelled"]:
            continue
        pictures[entry["set"]] += 1
        truth = corners(box for box in entry["boxes"] if box[4] == labelled)
        mine = [(region["score"], *corners([region["box"]])) for region in regions if region["kind"] == kind]
        wanted += [(max((s for s, box in mine if overlap(box, t) >= 0.5), default=0.0), entry["set"]) for t in truth]
        false += [(s, entry["set"]) for s, box in mine if not touched(box, truth + corners(entry["ignore"]))]
    counted = sum(n for name, n in pictures.items() if name not in UNCOUNTED)
    threshold = next(t for t in GRID + [1.0] if sum(s >= t and name not in UNCOUNTED for s, name in false) <= most * counted)
    print(f"{kind}, {effort}: threshold {threshold}")
    for name, count in pictures.items():
        hits = [s >= threshold for s, n in wanted if n == name]
        print(f"  {name}: detected {sum(hits)}/{len(hits)}, false {sum(s >= threshold for s, n in false if n == name) / count:.2f} in {count} pictures",
              flush=True)
    return threshold


def margins(eyes: Eyes, seen: list, kind: str, refiner: dict, side: float) -> list[float]:
    """What a found box lacks of the truth on each side, but for the worst of them."""
    short = []
    for _, truth, _, once, again in seen:
        found = []
        for (first, logit, box), closer in zip(once, again):
            score = together(refiner["fuse"], refiner["by_size"], first, logit, box)
            if (doubt := refiner.get("doubt")) and doubt["from"] <= score < doubt["until"]:
                _, logit, box = closer
                score = together(doubt["fuse"], doubt["by_size"], first, logit, box)
            found.append((kind, score, box))
        kept = suppressed(found, eyes.detector.meta["refined_iou"])
        for box in truth:
            best = max(kept, key=lambda f: (overlap(f[2], box) >= 0.5) * f[1], default=None)
            if best is not None and overlap(best[2], box) >= 0.4 and best[1] >= 0.2:
                short.append(shortfall(best[2], box))
    return [round(max(0.0, float(np.quantile(s, side))), 3) for s in np.array(short).T]


def examined(eyes: Eyes, stems: list[pathlib.Path], k: int, kind: str, most: int):
    """(set, truth, what to ignore, [(detector's score, refiner's logit, refined box)], the same after a closer look) of each held-out picture."""
    counts: dict[str, int] = {}
    for stem in stems:
        pack = Pack(stem)
        for entry in pack.entries:
            name = "simulated" if entry["set"].startswith("simulated/") else entry["set"]
            if not entry["held"] or k not in entry["labelled"] or counts.get(name, 0) >= most:
                continue
            counts[name] = counts.get(name, 0) + 1
            image = pack.level(entry, False)
            mine = [p for p in eyes.proposals(image, eyes.detector.meta["propose"], "fast") if p[0] == kind]
            once = eyes.refined(image, kind, [p[2] for p in mine])
            again = eyes.refined(image, kind, [box for _, box in once], mirrored=True)
            corners = [[x, y, x + w, y + h] for x, y, w, h, c in entry["boxes"] if c == k]
            # A head without a face is neither one nor none.
            hidden = [[x, y, x + w, y + h] for x, y, w, h in entry["ignore"] + entry["heads"]]
            yield name, corners, hidden, *([(p[1], logit, box) for p, (logit, box) in zip(mine, told)] for told in (once, again))


def heads(eyes: Eyes, stems: list[pathlib.Path], most: int):
    """(truth, what to ignore, [(detector's score, logit of the refiner of heads, its box)]) of what is judged to be no face."""
    counts: dict[str, int] = {}
    for stem in stems:
        pack = Pack(stem)
        for entry in pack.entries:
            name = "simulated" if entry["set"].startswith("simulated/") else entry["set"]
            if not entry["held"] or FACE not in entry["labelled"] or counts.get(name, 0) >= most:
                continue
            counts[name] = counts.get(name, 0) + 1
            image = pack.level(entry, False)
            mine = [p for p in eyes.proposals(image, eyes.detector.meta["propose"], "thorough") if p[0] == "face"]
            asked = [(p[1], box) for p, (score, box) in zip(mine, eyes.judged(image, "face", mine)) if HEAD_FROM <= score < FACE_FROM]
            told = eyes.refined(image, "head", [box for _, box in asked], mirrored=True)
            corners = [[x, y, x + w, y + h] for x, y, w, h in [box[:4] for box in entry["boxes"] if box[4] == FACE] + entry["heads"]]
            hidden = [[x, y, x + w, y + h] for x, y, w, h in entry["ignore"]]
            yield corners, hidden, [(score, logit, box) for (score, _), (logit, box) in zip(asked, told)]


def fitted(seen, by_size: bool) -> list[float]:
    """Weights of the detector's logit, the refiner's logit, 1 and the size that make a probability: a logistic regression by Newton's
    method with a little damping."""
    rows = [(np.log(first / (1 - first)), logit, 1.0, size(box) if by_size else 0.0, hit(box, truth))
            for truth, hidden, found in seen for first, logit, box in found if hit(box, truth) or not touched(box, truth + hidden)]
    *x, y = np.array(rows, float).T
    x, w = np.stack(x, 1), np.zeros(4)
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + 1e-2 * np.eye(4)
        w += np.linalg.solve(hessian, x.T @ (y - p) - 1e-2 * w)
    return [round(float(v), 3) for v in w]


def hit(box, truth) -> bool:
    return any(overlap(box, t) >= 0.5 for t in truth)


def touched(a, others) -> bool:
    return any(min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1]) for b in others)


def shortfall(got, truth) -> list[float]:
    """How far the truth reaches beyond the found box and a pixel on each side, as shares of the found box."""
    w, h = got[2] - got[0], got[3] - got[1]
    return [(got[0] - truth[0] - 1) / w, (got[1] - truth[1] - 1) / h, (truth[2] - got[2] - 1) / w, (truth[3] - got[3] - 1) / h]


if __name__ == "__main__":
    main()
