"""Trains the refiner of one class. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import pathlib

import torch
from torch import Tensor

import nets
from pack import FACE, KINDS
from refine_data import WINDOW, Windows
from train_reader import standard
from trainer import Training, arguments, generalised_iou


def edge_loss(found: Tensor, wanted: Tensor, one: Tensor) -> Tensor:
    """Generalised IoU and the edges' own distances, in shares of the truth's size."""
    found, wanted = found[one > 0], wanted[one > 0]
    if len(found) == 0:
        return found.sum()
    size = (wanted[:, 2:] - wanted[:, :2]).clamp(min=0.05)
    off = torch.nn.functional.smooth_l1_loss(found / size.repeat(1, 2), wanted / size.repeat(1, 2), reduction="none", beta=0.05).mean(1)
    return (1 - generalised_iou(found, wanted) + 2 * off).mean()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--mined", type=pathlib.Path, required=True, help="what refine_data.py wrote")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--simulated", type=float, default=0.35, help="share of simulated pictures")
    parser.add_argument("--taught", type=pathlib.Path, help="what teach.py wrote")
    parser.add_argument("--heads", action="store_true", help="the one that tells heads, from behind too, from all else")
    parser.set_defaults(flat=0.4)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    kind = KINDS[args.kind]
    training = Training(args, nets.Refiner(*WINDOW[kind]["size"], deep=kind == FACE), 0.03, standard)
    windows = Windows(args.packs, args.mined, args.data, kind, training.stream, args.batch, args.simulated, args.taught, args.heads)
    for crops, one, edges, gaps, said in training.batches(windows):
        out = training.forward(crops).flatten(1)
        # A confident answer without a label may well be right where labels have gaps.
        doubted = gaps & (out[:, 0].detach() > 1.0) & (training.age > 3000)
        sure = torch.nn.functional.binary_cross_entropy_with_logits(out[:, 0], said, reduction="none")
        loss_sure = torch.where(doubted, 0.15, 1.0).mul(sure).mean()
        loss_edge = edge_loss(out[:, 1:], edges, one)
        training.learn(len(crops), loss_sure + loss_edge, sure=loss_sure, edge=loss_edge)


if __name__ == "__main__":
    main()
