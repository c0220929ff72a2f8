"""What both trainings share: averaged weights, checkpoints that survive a kill, schedules by steps or by the clock."""

import datetime
import os
import pathlib
import time

import torch
from torch import nn


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
