"""Trains the plate reader. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import argparse
import pathlib
import sys
import time

import torch
from torch import Tensor

import glyphs
import nets
from plates import Crops
from trainer import Average, Clock, rate, save

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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--simulated", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--share", type=float, default=0.25, help="share of simulated crops")
    parser.add_argument("--told", type=pathlib.Path, help="what transcribe.py wrote")
    parser.add_argument("--fonts", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, help="in all, those of earlier runs counted in")
    parser.add_argument("--until", help="HH:MM today; a resumed run starts its schedule anew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--flat", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    net = nets.Reader().to(memory_format=torch.channels_last).train()
    average = Average(net)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}], lr=args.peak)
    step = seen = 0
    if args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        step, seen, average.steps = state["step"], state["seen"], state["steps"]
        if missing := net.load_state_dict(state["net"], strict=False).missing_keys:
            print(f"new layers, starting as the identity: {len(missing)} tensors")  # and with a fresh optimizer
        else:
            optimizer.load_state_dict(state["optimizer"])
        average.state |= state["average"]
    crops = Crops(args.data, args.seed * 1_000_003 + step, step, args.batch, args.fonts, args.simulated, args.share, args.told)
    loader = iter(torch.utils.data.DataLoader(crops, batch_size=None, num_workers=args.workers, prefetch_factor=4))
    clock, first = Clock(args.steps, args.until), step
    total, counted, told, saved = 0.0, 0, time.time(), time.time()
    while (done := clock.done(step)) < 1.0:
        images, labels, lengths, either = next(loader)
        for group in optimizer.param_groups:
            group["lr"] = rate(done, args.peak, args.flat, step, 300)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(standard(images).to(memory_format=torch.channels_last))
        log_p = either_is_zero(sequence(logits.float()), either)
        steps = torch.full((len(images),), log_p.shape[0], dtype=torch.long)
        losses = torch.nn.functional.ctc_loss(log_p, labels, steps, lengths, reduction="none", zero_infinity=True) / lengths
        # A crop that nobody could read teaches only guessing.
        loss = losses.clamp(max=6.0).mean() if step > 2000 else losses.mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        step, seen, counted, total = step + 1, seen + len(images), counted + len(images), total + loss.item()
        if step % 100 == 0:
            now = time.time()
            print(f"step {step} crops {seen} done {done:.3f} loss {total / 100:.4f} {counted / (now - told):.0f} crops/s", flush=True)
            total, counted, told = 0.0, 0, now
        if time.time() - saved > 90:
            save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, steps=average.steps, step=step, seen=seen)
            saved = time.time()
    save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, steps=average.steps, step=step, seen=seen)
    print(f"done: {step - first} steps, {seen} crops in all", file=sys.stderr)


if __name__ == "__main__":
    main()
