"""Trains the plate reader. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import pathlib

import torch
from torch import Tensor

import glyphs
import nets
from plates import Crops
from trainer import Training, arguments

FLOOR = 8.0
ZERO, OH = glyphs.ALPHABET.index("0") + 1, glyphs.ALPHABET.index("O") + 1


def standard(crops: Tensor) -> Tensor:
    """Each crop to mean 0 and deviation 1, faint ones less so: they are mostly noise."""
    x = crops.float()
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) / x.std((1, 2, 3), keepdim=True, correction=0).clamp(min=FLOOR)


def sequence(logits: Tensor) -> Tensor:
    """[N, symbols, 2, columns] → log probabilities [2·columns, N, symbols], the upper row first."""
    return logits.flatten(2).permute(2, 0, 1).log_softmax(-1)


def either_is_zero(log_p: Tensor, either: Tensor) -> Tensor:
    """For labels that write the letter O as 0, what the net gives to both counts for 0."""
    both = torch.logaddexp(log_p[..., ZERO], log_p[..., OH])
    merged = log_p.clone()
    merged[..., ZERO] = torch.where(either, both, log_p[..., ZERO])
    merged[..., OH] = torch.where(either, torch.full_like(both, -30.0), log_p[..., OH])
    return merged


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--simulated", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--share", type=float, default=0.25, help="share of simulated crops")
    parser.add_argument("--told", type=pathlib.Path, help="what transcribe.py wrote")
    parser.add_argument("--reader", type=pathlib.Path, help="a weight file that tells where the characters of real crops stand, so that they can change places")
    parser.add_argument("--fonts", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--batch", type=int, default=128)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    training = Training(args, nets.Reader(), 0.03, standard)
    crops = Crops(args.data, training.stream, training.age, args.batch, args.fonts, args.simulated, args.share, args.told, reader=args.reader)
    for images, labels, lengths, either in training.batches(crops):
        logits = training.forward(images)
        log_p = either_is_zero(sequence(logits), either)
        steps = torch.full((len(images),), log_p.shape[0], dtype=torch.long)
        losses = torch.nn.functional.ctc_loss(log_p, labels, steps, lengths, reduction="none", zero_infinity=True) / lengths
        # A crop that nobody could read teaches only guessing.
        loss = losses.clamp(max=6.0).mean() if training.age > 2000 else losses.mean()
        training.learn(len(images), loss, loss=loss)


if __name__ == "__main__":
    main()
