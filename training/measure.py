"""Runs the reference chain over the measuring sets (and folders of `safelight simulate`) and prints the score of each.

The scores are those of the shared score.py. These sets choose nothing: thresholds and margins come from calibrate.py.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch

from distorted import covered
from eyes import Eyes
from pack import grey

SETS = [
    ("us", "plates-dev", "truth-us.jsonl", "plate"),
    ("eu", "plates-dev", "truth-eu.jsonl", "plate"),
    ("br", "plates-dev", "truth-br.jsonl", "plate"),
    ("world", "plates-valid/world", "truth.jsonl", "plate"),
    ("ro", "plates-valid/ro", "truth.jsonl", "plate"),
    ("faces", "faces-valid", "truth.jsonl", "face"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--score", type=pathlib.Path, required=True, help="score.py")
    parser.add_argument("--simulated", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--product", type=pathlib.Path, help="the built program, to measure instead of the Python reference")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "models")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eyes = Eyes(args.models)
    sets = [(n, args.data / f, t, [k]) for n, f, t, k in SETS] if args.data else []
    sets += [(f.name, f, "truth.jsonl", ["plate", "face"]) for f in args.simulated]
    for name, folder, truth, kinds in sets:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as out:
            for path, told in (inspected(args.product, args.models, folder) if args.product else reference(eyes, folder, truth)):
                out.write(json.dumps({"path": path, **told}) + "\n")
            out.flush()
            for kind in kinds:
                done = subprocess.run([sys.executable, args.score, folder / truth, out.name, "--kind", kind, "--json"],
                                      check=True, capture_output=True, text=True)
                told = json.loads(done.stdout)
                n = max(told["regions"], 1)
                read = f" read {100 * told['read'] / told['readable']:5.1f} %" if told["readable"] else ""
                print(f"{name:10} {kind:5} {told['regions']:5} regions: detected {100 * told['detected'] / n:5.1f} % "
                      f"covered {100 * told['covered'] / n:5.1f} % leaked {100 * told['leaked'] / n:5.1f} %{read} "
                      f"false {told['false_per_image']:.2f}", flush=True)
            if folder in args.simulated:
                groups(folder / truth, pathlib.Path(out.name))


def reference(eyes: Eyes, folder: pathlib.Path, truth: str):
    """What the reference chain finds in the pictures that a truth file names."""
    for line in (folder / truth).read_text().splitlines():
        path = json.loads(line)["path"]
        yield path, eyes.inspect(grey(find(folder, path)))


def inspected(product: pathlib.Path, models: pathlib.Path, folder: pathlib.Path):
    """What the program finds in a folder."""
    done = subprocess.run([product, "inspect", folder, "--models", models, "--format", "jsonl"], capture_output=True, text=True)
    for row in map(json.loads, done.stdout.splitlines()):
        path = pathlib.Path(row.pop("path"))
        yield str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path), row


def groups(truth: pathlib.Path, predictions: pathlib.Path) -> None:
    """Covered, leaked and read by size, light, skin tone and turn, with 95 % Wilson intervals: simulated truth tells them."""
    found = {pathlib.Path(row["path"]).name: row for row in map(json.loads, predictions.read_text().splitlines())}
    cells: dict[tuple, list] = {}
    for row in map(json.loads, truth.read_text().splitlines()):
        got = found[pathlib.Path(row["path"]).name]
        for region in row["regions"]:
            kind, box = region["kind"], region["box"]
            hidden = covered(box, got["redacted"])
            read = None
            if text := "".join(c for c in region.get("text", "") if c.isalnum()):
                read = any(r.get("text") == text and share(box, [r["box"]]) > 0.3 for r in got["regions"])
            size = "width " + next((f"< {s} px" for s in (24, 32, 48, 96) if box[2] < s), ">= 96 px")
            keys = [size, row.get("conditions", {}).get("illumination", "any")]
            if "skin_tone" in region:
                keys.append(f"skin tone {region['skin_tone']}")
            if "yaw" in region:
                keys.append("turned by " + next((f"< {a}°" for a in (30, 60) if abs(region["yaw"]) < a), ">= 60°"))
            if "quad" in region:
                (x, y), (right, up) = region["quad"][:2]
                tilt = abs(math.degrees(math.atan2(up - y, right - x)))
                keys.append("tilted by " + next((f"< {a}°" for a in (5, 15) if tilt < a), ">= 15°"))
            for key in keys:
                cells.setdefault((kind, key), []).append((hidden >= 0.98, hidden < 0.5, read))
    for (kind, key), outcomes in sorted(cells.items()):
        texts = [r for _, _, r in outcomes if r is not None]
        print(f"    {kind:5} {key:14} {len(outcomes):5}: covered {wilson([c for c, _, _ in outcomes])} "
              f"leaked {wilson([leak for _, leak, _ in outcomes])}" + (f" read {wilson(texts)}" if texts else ""))


def share(box: list[float], areas: list[list[float]]) -> float:
    """The largest share of the box inside one of the areas."""
    x, y, w, h = box
    inside = [max(0, min(x + w, a + c) - max(x, a)) * max(0, min(y + h, b + d) - max(y, b)) for a, b, c, d in areas]
    return max(inside, default=0.0) / (w * h)


def wilson(hits: list[bool]) -> str:
    n, p, z = len(hits), sum(hits) / len(hits), 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{100 * p:5.1f} % [{100 * max(0, middle - half):.0f}-{100 * min(1, middle + half):.0f}]"


def find(folder: pathlib.Path, path: str) -> pathlib.Path:
    if (folder / path).exists():
        return folder / path
    return next(folder.rglob(pathlib.Path(path).name))


if __name__ == "__main__":
    main()
