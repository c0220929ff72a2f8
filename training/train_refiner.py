"""Trains the refiner of one class. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import argparse
import pathlib
import sys
import time

import torch
from torch import Tensor

import nets
from pack import KINDS
from refine_data import WINDOW, Windows
from train_reader import standard
from trainer import Average, Clock, rate, save


def edge_loss(found: Tensor, wanted: Tensor, one: Tensor) -> Tensor:
    """Generalised IoU and the edges' own distances, in shares of the truth's size."""
    found, wanted = found[one > 0], wanted[one > 0]
    if len(found) == 0:
        return found.sum()
    size = (wanted[:, 2:] - wanted[:, :2]).clamp(min=0.05)
    off = torch.nn.functional.smooth_l1_loss(found / size.repeat(1, 2), wanted / size.repeat(1, 2), reduction="none", beta=0.05).mean(1)
    low, high = torch.maximum(found[:, :2], wanted[:, :2]), torch.minimum(found[:, 2:], wanted[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    areas = (found[:, 2:] - found[:, :2]).clamp(min=1e-3).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1)
    hull = (torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])).prod(1)
    union = (areas - inter).clamp(min=1e-6)
    giou = inter / union - (hull - union) / hull.clamp(min=1e-6)
    return (1 - giou + 2 * off).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--mined", type=pathlib.Path, required=True, help="what refine_data.py wrote")
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, help="in all, those of earlier runs counted in")
    parser.add_argument("--until", help="HH:MM today; a resumed run starts its schedule anew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--flat", type=float, default=0.4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--simulated", type=float, default=0.35)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    kind = KINDS[args.kind]
    net = nets.Refiner(*WINDOW[kind]["size"]).to(memory_format=torch.channels_last).train()
    average = Average(net)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}], lr=args.peak)
    step = seen = 0
    if args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        average.state, average.steps, step, seen = state["average"], state["step"], state["step"], state["seen"]
    windows = Windows(args.packs, args.mined, args.data, kind, args.seed * 1_000_003 + step, args.batch, args.simulated)
    loader = iter(torch.utils.data.DataLoader(windows, batch_size=None, num_workers=args.workers, prefetch_factor=4))
    clock, first = Clock(args.steps, args.until), step
    sure_sum = edge_sum = 0.0
    told = saved = time.time()
    counted = 0
    while (done := clock.done(step)) < 1.0:
        crops, one, edges, gaps = next(loader)
        for group in optimizer.param_groups:
            group["lr"] = rate(done, args.peak, args.flat, step, 300)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(standard(crops).to(memory_format=torch.channels_last))
        out = out.float().flatten(1)
        # A confident answer without a label may well be right where labels have gaps.
        doubted = gaps & (out[:, 0].detach() > 1.0) & (step > 3000)
        sure = torch.nn.functional.binary_cross_entropy_with_logits(out[:, 0], one, reduction="none")
        loss_sure = torch.where(doubted, 0.15, 1.0).mul(sure).mean()
        loss_edge = edge_loss(out[:, 1:], edges, one)
        optimizer.zero_grad(set_to_none=True)
        (loss_sure + loss_edge).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        step, seen, counted = step + 1, seen + len(crops), counted + len(crops)
        sure_sum, edge_sum = sure_sum + loss_sure.item(), edge_sum + loss_edge.item()
        if step % 200 == 0:
            now = time.time()
            print(f"step {step} windows {seen} done {done:.3f} sure {sure_sum / 200:.4f} edge {edge_sum / 200:.4f} "
                  f"{counted / (now - told):.0f} windows/s", flush=True)
            sure_sum = edge_sum = 0.0
            told, counted = now, 0
        if time.time() - saved > 60:
            save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, step=step, seen=seen)
            saved = time.time()
    save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, step=step, seen=seen)
    print(f"done: {step - first} steps, {seen} windows in all", file=sys.stderr)


if __name__ == "__main__":
    main()
