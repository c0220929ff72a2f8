#!/usr/bin/env python3
"""Whether cost grows in step: `safelight ingest` of a thousand, ten thousand and a hundred thousand pictures.

    cargo build --release
    target/release/safelight simulate --out photos -n 1000
    python3 benches/growth.py photos

Each picture is linked as often as need be and sealed each time; a vault is deleted before the next one grows. Prints
Markdown. Needs room for as many bytes as the pictures of the longest run have (a hundred thousand of 720p: 12 GB).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def site_pack(program: Path, folder: Path) -> Path:
    passphrase, custody, pack = folder / "passphrase", folder / "custody", folder / "site.pack"
    passphrase.write_text("a passphrase of the measurement\n")
    common = ["--passphrase-file", passphrase, "--custody", custody, "--quiet"]
    subprocess.run([program, "custody", "init", *common], check=True)
    subprocess.run([program, "custody", "pack", "--site", "growth", "-o", pack, *common], check=True)
    return pack


def ingested(program: Path, files: list[Path], count: int, pack: Path, scratch: Path) -> dict:
    """One run over `count` links, and the summary that it prints, with the time of the whole process."""
    pictures, vault = scratch / "pictures", scratch / "vault"
    try:
        for index in range(count):
            folder = pictures / f"{index // 1000:03}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index:06}.jpg").symlink_to(files[index % len(files)])
        bytes_wanted = sum(files[index % len(files)].stat().st_size for index in range(count))
        if shutil.disk_usage(scratch).free < 1.3 * bytes_wanted:
            sys.exit(f"{count} pictures need {1.3 * bytes_wanted / 1e9:.1f} GB on the disk of {scratch}")
        command = [program, "ingest", pictures, "--vault", vault, "--pack", pack, "--allow-duplicates", "--json", "--quiet"]
        start = time.perf_counter()
        summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        summary["whole"] = time.perf_counter() - start
    finally:
        shutil.rmtree(pictures, ignore_errors=True)
        shutil.rmtree(vault, ignore_errors=True)
    if summary["sealed"] != count:
        sys.exit(f"{summary['sealed']} of {count} pictures were sealed")
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="pictures; its JPEG files are taken")
    parser.add_argument("--counts", default="1000,10000,100000")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/safelight")
    parser.add_argument("--scratch", type=Path, default=ROOT / "target", help="where vaults are written, and deleted")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        sys.exit("first: cargo build --release")
    files = sorted(path.resolve() for path in arguments.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        sys.exit(f"no JPEG files in {arguments.folder}")
    program = arguments.program.resolve()
    print("| pictures | seconds | images/s | million a day | peak memory | sealed |\n|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        pack = site_pack(program, Path(scratch))
        for count in map(int, arguments.counts.split(",")):
            run = ingested(program, files, count, pack, Path(scratch))
            rate = count / run["whole"]
            memory, sealed = run["peak_rss_bytes"] / 1e6, run["bytes_sealed"] / 1e9
            print(f"| {count:,} | {run['whole']:.1f} | {rate:.0f} | {rate * 0.0864:.1f} | {memory:.0f} MB | {sealed:.2f} GB |", flush=True)


if __name__ == "__main__":
    main()
