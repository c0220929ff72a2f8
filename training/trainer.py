"""What all trainings share: a start from a weight file, averaged weights, checkpoints that survive a kill, schedules by steps or by the clock, the loop."""

import argparse
import datetime
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import nets
import slnn


# Half the memory traffic, where the processor multiplies such numbers itself; elsewhere it would take several times as long.
HALVES = torch.ops.mkldnn._is_mkldnn_bf16_supported()


class Average:
    """Exponential average of a net's weights and batch-norm statistics; what gets exported."""

    def __init__(self, net: nn.Module, decay: float = 0.999):
        self.decay, self.steps = decay, 0
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for k, v in net.state_dict().items():
            if v.dtype.is_floating_point:
                self.state[k].lerp_(v, 1 - keep)
            else:
                self.state[k].copy_(v)


class Clock:
    """How much of a training is done, by steps or by wall time, whichever was asked for."""

    def __init__(self, steps: int | None, until: str | None):
        if (steps is None) == (until is None):
            raise SystemExit("give either --steps or --until")
        self.steps, self.start = steps, time.time()
        self.end = None
        if until:
            day = datetime.date.today()
            self.end = datetime.datetime.combine(day, datetime.time.fromisoformat(until)).timestamp()
            if self.end < self.start:  # past midnight
                self.end += 86400

    def done(self, step: int) -> float:
        if self.end is not None:
            return (time.time() - self.start) / max(self.end - self.start, 1.0)
        return step / self.steps


def rate(done: float, peak: float, flat: float, step: int, warm: int) -> float:
    """Warm-up, a flat part up to the share `flat`, then down to 1 % along a cosine."""
    if step < warm:
        return peak * (step + 1) / warm
    if done <= flat:
        return peak
    part = min(1.0, (done - flat) / (1 - flat))
    return peak * (0.01 + 0.99 * 0.5 * (1 + float(torch.cos(torch.tensor(part * torch.pi)))))


def save(path: pathlib.Path, **state) -> None:
    """Replaces the checkpoint in one step."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def arguments(description: str) -> argparse.ArgumentParser:
    """The command line that all trainings have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--checkpoint", type=pathlib.Path, required=True)
    parser.add_argument("--from", type=pathlib.Path, dest="start", help="a weight file to go on from where there is no checkpoint yet")
    parser.add_argument("--quantise-from", type=float, default=0.8, help="share of the run from which tensors and weights are rounded")
    parser.add_argument("--steps", type=int, help="in all, those of earlier runs counted in")
    parser.add_argument("--until", help="the next HH:MM; a resumed run starts its schedule anew")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--flat", type=float, default=0.5, help="share of the run before the rate falls")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    return parser


class Training:
    """A net on its way, from its checkpoint if there is one. `prepare` makes the net's input of grey crops."""

    def __init__(self, args: argparse.Namespace, net: nn.Module, decay: float, prepare: Callable[[Tensor], Tensor]):
        self.args, self.net, self.prepare = args, net.to(memory_format=torch.channels_last).train(), prepare
        self.average = Average(net)
        decayed = [p for p in net.parameters() if p.dim() > 1]
        plain = [p for p in net.parameters() if p.dim() == 1]
        groups = [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=args.peak)
        self.step = self.seen = 0
        if args.checkpoint.exists():
            state = torch.load(args.checkpoint, weights_only=True)
            self.step, self.seen, self.average.steps = state["step"], state["seen"], state["step"]
            if missing := net.load_state_dict(state["net"], strict=False).missing_keys:
                print(f"new layers, starting as the identity: {len(missing)} tensors")  # and with a fresh optimizer
            else:
                self.optimizer.load_state_dict(state["optimizer"])
            self.average.state |= state["average"]
        # What a weight file has learnt before counts as steps where a recipe goes by them.
        self.before = 10_000 if args.start else 0
        # A resumed run goes on with other crops.
        self.stream = args.seed * 1_000_003 + self.step
        self.sums: dict[str, float] = {}
        self.counted, self.told, self.saved = 0, time.time(), time.time()

    def batches(self, data: torch.utils.data.IterableDataset) -> Iterator[tuple[Tensor, ...]]:
        """Batches until the run is done, each to be followed by `learn`."""
        args, first = self.args, self.step
        loader = iter(torch.utils.data.DataLoader(data, batch_size=None, num_workers=args.workers, prefetch_factor=4))
        if args.start and self.step == 0:
            load(self.net, args.start, torch.cat([self.prepare(crops) for crops in some(loader, 256)]))
            self.average = Average(self.net)
        clock = Clock(args.steps, args.until)
        while (done := clock.done(self.step)) < 1.0:
            for group in self.optimizer.param_groups:
                group["lr"] = rate(done, args.peak, args.flat, self.step, 300)
            self.done = done
            if done >= args.quantise_from:
                nets.quantise(self.net)
            yield next(loader)
        self.save()
        print(f"done: {self.step - first} steps, {self.seen} crops in all", file=sys.stderr)

    @property
    def age(self) -> int:
        return self.before + self.step

    def forward(self, crops: Tensor) -> Tensor:
        """What the net says of grey crops."""
        with torch.autocast("cpu", torch.bfloat16, enabled=HALVES):
            return self.net(self.prepare(crops).to(memory_format=torch.channels_last)).float()

    def learn(self, count: int, loss: Tensor, /, **parts: Tensor) -> None:
        """One step down `loss` of `count` crops, of which `parts` are told."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.average.update(self.net)
        self.step, self.seen, self.counted = self.step + 1, self.seen + count, self.counted + count
        for name, part in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + part.item()
        if self.step % 100 == 0:
            now = time.time()
            parts_told = " ".join(f"{name} {total / 100:.4f}" for name, total in self.sums.items())
            print(f"step {self.step} crops {self.seen} done {self.done:.3f} {parts_told} {self.counted / (now - self.told):.0f} crops/s", flush=True)
            self.sums, self.counted, self.told = {}, 0, now
        if time.time() - self.saved > 90:
            self.save()
            self.saved = time.time()

    def save(self) -> None:
        save(self.args.checkpoint, net=self.net.state_dict(), optimizer=self.optimizer.state_dict(), average=self.average.state,
             step=self.step, seen=self.seen)


@torch.no_grad()
def load(net: nn.Module, path: pathlib.Path, crops: Tensor) -> None:
    """Gives `net` the weights of a file, to be trained on: with batch norms that would measure on `crops`, inputs as the net takes
    them, what they believe, and that undo it again, so that the net says what the file says."""
    file = list(slnn.Model(path).convs.values())
    # What is new since the file was written begins as the identity.
    new = {block.body for block in net.modules() if isinstance(block, nets.Residual) and not block.body.norm.weight.any()}
    layers, count = [], 0
    for layer in (module for module in net.modules() if isinstance(module, (nets.Conv, nets.Head))):  # in order of computation
        if count < len(file) and file[count][0].shape == layer.conv.weight.shape:
            layers.append(layer)
            count += 1
        elif layer not in new:
            break
    if len(layers) != len(file) or layers[-1:] != [layer]:
        raise SystemExit(f"{path} holds another net than nets.py describes: train from nothing, or give the file of this version")
    norms: dict[nn.Module, tuple] = {}
    for layer, (weight, *_, bias) in zip(layers, file, strict=True):
        if isinstance(layer, nets.Head):
            layer.conv.weight.copy_(weight)
            layer.conv.bias.copy_(bias)
            continue
        # To the size with which weights begin, for this is what rates of learning are meant for.
        norm, scale = layer.norm, 3**-0.5 / weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        layer.conv.weight.copy_(weight * scale[:, None, None, None])
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.copy_(1 / scale)
        norm.bias.copy_(bias)
        norms[norm] = ()
    hooks = [norm.register_forward_pre_hook(lambda norm, x: norms.update({norm: torch.var_mean(x[0], (0, 2, 3))})) for norm in norms]
    before = net.eval()(crops)
    for hook in hooks:
        hook.remove()
    for norm, (variance, mean) in norms.items():
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.bias.add_(mean * norm.weight)
        norm.weight.mul_((variance + norm.eps).sqrt())
    off = float((net(crops) - before).abs().max())
    print(f"from {path.name}: batch norms move its output by at most {off:.6f}", flush=True)
    if off > 0.01:
        raise SystemExit(f"{path}: the batch norms would change what the net says")
    net.train()


def some(batches: Iterator[tuple[Tensor, ...]], least: int) -> Iterator[Tensor]:
    """The first part of batches until there are at least so many rows, all of one shape."""
    count, shape = 0, None
    for crops, *_ in batches:
        shape = shape or crops.shape[1:]
        if crops.shape[1:] == shape:
            yield crops
            count += len(crops)
        if count >= least:
            return


def generalised_iou(found: Tensor, wanted: Tensor) -> Tensor:
    """Of each pair of boxes [N, 4] (l, t, r, b)."""
    inter = (torch.minimum(found[:, 2:], wanted[:, 2:]) - torch.maximum(found[:, :2], wanted[:, :2])).clamp(min=0).prod(1)
    areas = (found[:, 2:] - found[:, :2]).clamp(min=1e-3).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1)
    hull = (torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])).prod(1)
    union = (areas - inter).clamp(min=1e-6)
    return inter / union - (hull - union) / hull.clamp(min=1e-6)
