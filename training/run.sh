#!/bin/sh
# From nothing to weights: packs the pictures, trains both nets, calibrates, exports, measures.
#
#   DATA=…/data SCORE=…/score.py training/run.sh [WORK]
#
# Two CPU cores need about six hours. WORK (default: training/work) keeps packs and checkpoints; a killed run goes on from there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$here/work}
root=$(cd "$here/.." && pwd)
: "${DATA:?the folder that holds plates-train, faces-train, plate-text-train and negatives}"
mkdir -p "$work"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
python="$work/venv/bin/python"

# Large pages of the allocator's own: half of the time goes into page faults without these.
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=4000000000 OMP_WAIT_POLICY=PASSIVE

cargo build --release --manifest-path "$root/Cargo.toml"
draw() { # folder, count, seed, options
    out=$1 count=$2 seed=$3
    shift 3
    [ -s "$out/truth.jsonl" ] || "$root/target/release/safelight" simulate --out "$out" -n "$count" --seed "$seed" "$@"
}
draw "$work/scenes" 6000 1001
draw "$work/plates" 20000 3001 --plates-only
draw "$work/fresh" 2000 9009

cd "$here"
"$python" pack.py --data "$DATA" --simulated "$work/scenes" --out "$work/packs"
fonts=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -path '*dejavu-2*/ttf/DejaVuSans*.ttf' -o -path '*notosans-0*/NotoSans-*.ttf' \
    | grep -v -e Oblique -e Italic -e ExtraLight || true)

"$python" train_reader.py --data "$DATA" --simulated "$work/plates" "$work/scenes" --share 0.5 --fonts $fonts --checkpoint "$work/reader.pt" --steps "${READER_STEPS:-16000}"
"$python" train_detector.py --data "$DATA" --packs "$work/packs/real" "$work/packs/simulated-scenes" \
    --checkpoint "$work/detector.pt" --steps "${DETECTOR_STEPS:-60000}"

mkdir -p "$root/models"
"$python" export.py --detector "$work/detector.pt" --reader "$work/reader.pt" --out "$root/models"
"$python" calibrate.py --packs "$work/packs/real" "$work/packs/simulated-scenes" --models "$root/models" --write
"$python" export.py --detector "$work/detector.pt" --reader "$work/reader.pt" --out "$root/models"
"$python" measure.py --data "$DATA" --score "${SCORE:?tools/score.py}" --simulated "$work/fresh" --models "$root/models" --product "$root/target/release/safelight"
