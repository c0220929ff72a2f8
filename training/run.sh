#!/bin/sh
# From nothing to weights: packs the pictures, trains the nets, calibrates, exports, measures.
#
#   DATA=…/data SCORE=…/score.py training/run.sh [WORK]
#
# Two CPU cores need a night. WORK (default: training/work) keeps packs and checkpoints; a killed run goes on from there.
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

models=$work/models
packs="$work/packs/real $work/packs/simulated-scenes"
"$python" train_detector.py --data "$DATA" --packs $packs --checkpoint "$work/detector.pt" --steps "${DETECTOR_STEPS:-60000}"
"$python" export.py --detector "$work/detector.pt" --out "$models"

# The refiners learn from what the detector proposes.
"$python" refine_data.py --packs $packs --models "$models" --out "$work/mined.json"
refine() { # kind, options
    kind=$1
    shift
    "$python" train_refiner.py "$kind" --data "$DATA" --packs $packs --mined "$work/mined.json" --checkpoint "$work/refine-$kind.pt" \
        --steps "${REFINER_STEPS:-30000}" "$@"
}
refine plate
# That of faces from a teacher, too, which has its own packages.
python3 -m venv "$work/teacher"
"$work/teacher/bin/pip" install --quiet --requirement "$root/benches/peers/requirements.txt"
[ -s "$work/taught.json" ] || "$work/teacher/bin/python" teach.py --packs "$work/packs/real" --out "$work/taught.json"
refine face --taught "$work/taught.json"
"$python" train_refiner.py face --heads --simulated 0.2 --data "$DATA" --packs $packs --mined "$work/mined.json" --taught "$work/taught.json" \
    --checkpoint "$work/refine-head.pt" --steps "${REFINER_STEPS:-30000}"

# The reader reads for itself the training photographs that nobody transcribed, and goes on with what it was sure of.
read_on() { "$python" train_reader.py --data "$DATA" --simulated "$work/plates" "$work/scenes" --share 0.32 --fonts $fonts --checkpoint "$work/reader.pt" "$@"; }
half=$((${READER_STEPS:-32000} / 2))
read_on --steps "$half"
"$python" export.py --reader "$work/reader.pt" --out "$models"
"$python" transcribe.py --data "$DATA" --models "$models" --out "$work/told.json"
read_on --steps $((2 * half)) --told "$work/told.json" --reader "$models/reader.slnn"

"$python" export.py --detector "$work/detector.pt" --refine-plate "$work/refine-plate.pt" --refine-face "$work/refine-face.pt" --refine-head "$work/refine-head.pt" --reader "$work/reader.pt" --out "$root/models"
"$python" steps.py --packs "$work/packs/real" --models "$root/models"
"$python" calibrate.py --data "$DATA" --packs $packs --models "$root/models" --program "$root/target/release/safelight"
"$python" measure.py --data "$DATA" --score "${SCORE:?tools/score.py}" --simulated "$work/fresh" --models "$root/models"
