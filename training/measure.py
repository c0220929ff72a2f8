"""Runs the reference chain over the measuring sets (and folders of `safelight simulate`) and prints the score of each.

The scores are those of the shared score.py. These sets choose nothing: thresholds and margins come from calibrate.py.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch

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
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "models")
    args = parser.parse_args()
    torch.set_num_threads(1)
    eyes = Eyes(args.models)
    sets = [(n, args.data / f, t, [k]) for n, f, t, k in SETS] if args.data else []
    sets += [(f.name, f, "truth.jsonl", ["plate", "face"]) for f in args.simulated]
    for name, folder, truth, kinds in sets:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as out:
            for line in (folder / truth).read_text().splitlines():
                path = json.loads(line)["path"]
                out.write(json.dumps({"path": path, **eyes.inspect(grey(find(folder, path)))}) + "\n")
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


def find(folder: pathlib.Path, path: str) -> pathlib.Path:
    if (folder / path).exists():
        return folder / path
    return next(folder.rglob(pathlib.Path(path).name))


if __name__ == "__main__":
    main()
