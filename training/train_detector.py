"""Trains the detector. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import pathlib

import torch
from torch import Tensor

import nets
from scenes import Scenes
from trainer import Training, arguments, generalised_iou

RAW_MIN, RAW_MAX = -4.0, 6.0
MEAN, SCALE = 0.45, 4.0


def normalised(images: Tensor) -> Tensor:
    return (images.float() / 255 - MEAN) * SCALE


def heat_loss(logits: Tensor, heat: Tensor, care: Tensor, trust: Tensor, settled: bool) -> Tensor:
    """Focal loss of a Gaussian heat map, with less said where the truth itself is silent.

    `trust` 1: the class is not labelled in this set. Nothing is asked until the net has `settled`; then cells that it calls
    empty are gently kept so. `trust` 2: labelled with gaps, so a confident answer without a label may well be right.
    """
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    peak = heat >= 0.9999
    sure = p.detach()
    unknown = (trust == 1)[:, :, None, None]
    gaps = (trust == 2)[:, :, None, None]
    gentle = torch.where(sure < 0.15, 0.25, 0.0) if settled else torch.zeros_like(sure)
    care = torch.where(unknown, care * gentle, care)
    if settled:
        care = torch.where(gaps & (sure > 0.6) & (heat < 0.01), care * 0.2, care)
    positive = -((1 - p) ** 2) * p.log() * peak * care
    negative = -((1 - heat) ** 4) * p**2 * (1 - p).log() * ~peak * care
    return (positive.sum() + negative.sum()) / peak.sum().clamp(min=1)


def box_loss(raw: Tensor, edges: Tensor, weight: Tensor) -> Tensor:
    """Generalised IoU of the predicted boxes, weighted so that every object counts alike."""
    n, y, x = weight.nonzero(as_tuple=True)
    share = weight[n, y, x]
    if len(n) == 0:
        return raw.sum() * 0
    d = raw[n, :, y, x].clamp(RAW_MIN, RAW_MAX).exp()
    cx, cy = x + 0.5, y + 0.5
    found = torch.stack([cx - d[:, 0], cy - d[:, 1], cx + d[:, 2], cy + d[:, 3]], 1)
    wanted = edges[n, :, y, x]
    # Sizes too, on a log scale: it speaks even where the boxes hardly meet.
    size = (d[:, :2] + d[:, 2:]).log()
    want = (wanted[:, 2:] - wanted[:, :2]).clamp(min=0.1).log()
    off = torch.nn.functional.smooth_l1_loss(size, want, reduction="none", beta=0.2).sum(1)
    return (share * (1 - generalised_iou(found, wanted) + 0.3 * off)).sum() / share.sum().clamp(min=1e-6)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--simulated", type=float, default=0.4, help="share of simulated pictures")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    training = Training(args, nets.Detector(), 0.02, normalised)
    for images, heat, care, edges, weight, trust in training.batches(Scenes(args.packs, args.data, training.stream, args.simulated)):
        out = training.forward(images)
        loss_heat = heat_loss(out[:, :2], heat, care, trust, settled=training.age > 3000)
        loss_box = box_loss(out[:, 2:], edges, weight)
        training.learn(len(images), loss_heat + 1.5 * loss_box, heat=loss_heat, box=loss_box)


if __name__ == "__main__":
    main()
