"""Trains the detector. Resumes from its checkpoint; `--steps` gives a repeatable run, `--until HH:MM` one by the clock."""

import argparse
import pathlib
import sys
import time

import torch
from torch import Tensor

import nets
from scenes import Scenes
from trainer import Average, Clock, rate, save

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
    l, t, r, b = cx - d[:, 0], cy - d[:, 1], cx + d[:, 2], cy + d[:, 3]
    tl, tt, tr, tb = edges[n, :, y, x].unbind(1)
    inter = (torch.minimum(r, tr) - torch.maximum(l, tl)).clamp(min=0) * (torch.minimum(b, tb) - torch.maximum(t, tt)).clamp(min=0)
    union = (r - l) * (b - t) + (tr - tl) * (tb - tt) - inter
    hull = (torch.maximum(r, tr) - torch.minimum(l, tl)) * (torch.maximum(b, tb) - torch.minimum(t, tt))
    giou = inter / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    # Sizes too, on a log scale: it speaks even where the boxes hardly meet.
    size = torch.stack([d[:, 0] + d[:, 2], d[:, 1] + d[:, 3]], 1).log()
    want = torch.stack([tr - tl, tb - tt], 1).clamp(min=0.1).log()
    off = torch.nn.functional.smooth_l1_loss(size, want, reduction="none", beta=0.2).sum(1)
    return (share * (1 - giou + 0.3 * off)).sum() / share.sum().clamp(min=1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--packs", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, help="in all, those of earlier runs counted in")
    parser.add_argument("--until", help="HH:MM today; a resumed run starts its schedule anew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--flat", type=float, default=0.5, help="share of the run before the rate falls")
    parser.add_argument("--simulated", type=float, default=0.4, help="share of simulated pictures")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    net = nets.Detector().to(memory_format=torch.channels_last).train()
    average = Average(net)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=args.peak)
    step = seen = 0
    if args.checkpoint.exists():
        state = torch.load(args.checkpoint, weights_only=True)
        step, seen, average.steps = state["step"], state["seen"], state["step"]
        if missing := net.load_state_dict(state["net"], strict=False).missing_keys:
            print(f"new layers, starting as the identity: {len(missing)} tensors")  # and with a fresh optimizer
        else:
            optimizer.load_state_dict(state["optimizer"])
        average.state |= state["average"]
    scenes = Scenes(args.packs, args.data, args.seed * 1_000_003 + step, args.simulated)
    loader = iter(torch.utils.data.DataLoader(scenes, batch_size=None, num_workers=args.workers, prefetch_factor=4))
    clock, first = Clock(args.steps, args.until), step
    heat_sum = box_sum = 0.0
    told = saved = time.time()
    counted = 0
    while (done := clock.done(step)) < 1.0:
        images, heat, care, edges, weight, trust = next(loader)
        for group in optimizer.param_groups:
            group["lr"] = rate(done, args.peak, args.flat, step, 300)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(normalised(images).to(memory_format=torch.channels_last))
        out = out.float()
        loss_heat = heat_loss(out[:, :2], heat, care, trust, settled=step > 3000)
        loss_box = box_loss(out[:, 2:], edges, weight)
        optimizer.zero_grad(set_to_none=True)
        (loss_heat + 1.5 * loss_box).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update(net)
        step, seen, counted = step + 1, seen + len(images), counted + len(images)
        heat_sum, box_sum = heat_sum + loss_heat.item(), box_sum + loss_box.item()
        if step % 100 == 0:
            now = time.time()
            print(f"step {step} crops {seen} done {done:.3f} heat {heat_sum / 100:.3f} box {box_sum / 100:.3f} "
                  f"{counted / (now - told):.0f} crops/s", flush=True)
            heat_sum = box_sum = 0.0
            told, counted = now, 0
        if time.time() - saved > 90:
            save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, step=step, seen=seen)
            saved = time.time()
    save(args.checkpoint, net=net.state_dict(), optimizer=optimizer.state_dict(), average=average.state, step=step, seen=seen)
    print(f"done: {step - first} steps, {seen} crops in all", file=sys.stderr)


if __name__ == "__main__":
    main()
