"""The nets. Only layers that FORMAT.md knows; every convolution is followed by a batch norm that export folds."""

import torch
from torch import Tensor, nn


# What the engine keeps of a tensor of a ReLU (steps of a fixed peak) and of a weight (steps of its output channel's greatest).
TENSOR_STEPS, WEIGHT_STEPS = 127, 63


class Rounded(torch.autograd.Function):
    """A ReLU rounded to steps of `peak`, with the gradient of one that is clipped there."""

    @staticmethod
    def forward(ctx, x: Tensor, peak: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.peak = peak
        return x.clamp(0, peak).mul_(TENSOR_STEPS / peak).round_().mul_(peak / TENSOR_STEPS)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, x, 0.0, ctx.peak), None


class Relu(nn.Module):
    """A ReLU. Once `quantised`, it rounds as the engine does, unless only convolutions that keep finer numbers read it (`fine`)."""

    def __init__(self, fine: bool = False):
        super().__init__()
        self.fine, self.quantised = fine, False
        self.register_buffer("peak", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.fine or not self.quantised:
            return torch.relu(x)
        if self.training:
            self.measure(x.detach())
        return Rounded.apply(x, max(float(self.peak), 1e-3))

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """A running quantile near the greatest of some of the values."""
        some = x.permute(0, 2, 3, 1).flatten()[:: max(1, x.numel() // 100_000)].float()
        top = some.topk(1 + len(some) // 10_000).values[-1]
        self.peak.lerp_(top, 1.0 if self.peak == 0 else 0.02)


class Conv(nn.Module):
    """Convolution, batch norm, optionally ReLU. Once `quantised`, the norm is folded with its running statistics and the weights are
    rounded. `fine` keeps finer numbers: of the ReLU's where there is one, else of the weights."""

    def __init__(self, cin: int, cout: int, kernel=3, stride=1, pad=None, relu: bool = True, fine: bool = False):
        super().__init__()
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        stride = (stride, stride) if isinstance(stride, int) else stride
        pad = (kernel[0] // 2, kernel[1] // 2) if pad is None else pad
        self.conv = nn.Conv2d(cin, cout, kernel, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(cout, eps=1e-4, momentum=0.03)
        self.relu = Relu(fine) if relu else None
        self.fine, self.quantised = fine and not relu, False

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of convolution and norm in one."""
        gain = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        return self.conv.weight * gain[:, None, None, None], self.norm.bias - self.norm.running_mean * gain

    def forward(self, x: Tensor) -> Tensor:
        if self.quantised:
            weight, bias = self.folded()
            if not self.fine:
                step = weight.detach().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-8) / WEIGHT_STEPS
                weight = weight + ((weight.detach() / step).round() * step - weight.detach())
            x = nn.functional.conv2d(x, weight, bias, self.conv.stride, self.conv.padding)
        else:
            x = self.norm(self.conv(x))
        return x if self.relu is None else self.relu(x)


class Residual(nn.Module):
    """One convolution beside the identity; a ReLU after the sum. `still` begins as the identity."""

    def __init__(self, channels: int, kernel=3, still: bool = False, fine: bool = False):
        super().__init__()
        self.body = Conv(channels, channels, kernel, relu=False)
        self.relu = Relu(fine)
        if still:
            nn.init.zeros_(self.body.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.body(x))


def quantise(net: nn.Module) -> None:
    """From now on the net counts in steps as the engine does, and its batch norms no longer measure."""
    for module in net.modules():
        if isinstance(module, (Conv, Relu)):
            module.quantised = True


class Head(nn.Module):
    """1×1 convolution with a bias of its own and no norm."""

    def __init__(self, cin: int, cout: int):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def depth_to_space2(x: Tensor) -> Tensor:
    """[N, 4C, H, W] → [N, C, 2H, 2W], channel (2·dy + dx)·C + c going to cell (2y + dy, 2x + dx)."""
    n, c, h, w = x.shape
    x = x.reshape(n, 2, 2, c // 4, h, w)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


class Detector(nn.Module):
    """Plates and faces on a grey grid: 6 channels (2 logits, 4 distances) at stride 4.

    A dense trunk to stride 32, nearest-neighbour skip sums back to stride 8, and a head at stride 8 whose 24 channels unfold
    to the 2×2 cells of stride 4: the fine grid without convolutions at its cost.
    """

    def __init__(self, c4: int = 32, c8: int = 32, c16: int = 64, c32: int = 64):
        super().__init__()
        self.stem = Conv(1, c4, kernel=6, stride=4, pad=1)
        self.down8 = nn.Sequential(Conv(c4, c8, stride=2), Residual(c8))
        self.down16 = nn.Sequential(Conv(c8, c16, stride=2), Residual(c16), Residual(c16, still=True))
        self.down32 = nn.Sequential(Conv(c16, c32, stride=2), Residual(c32), Residual(c32), Residual(c32, still=True), Residual(c32, still=True, fine=True))
        self.lateral32 = Conv(c32, c16, kernel=1, relu=False, fine=True)
        self.lateral16 = Conv(c16, c8, kernel=1, relu=False, fine=True)
        self.sum16, self.sum8 = Relu(fine=True), Relu()
        self.merge8 = Conv(c8, 48, fine=True)
        self.head = Head(48, 24)
        with torch.no_grad():
            self.head.conv.weight.mul_(0.3)
            bias = self.head.conv.bias.view(4, 6)
            bias[:, :2] = -4.0
            bias[:, 2:] = 1.5

    def forward(self, x: Tensor) -> Tensor:
        s8 = self.down8(self.stem(x))
        s16 = self.down16(s8)
        s32 = self.down32(s16)
        up16 = self.sum16(s16 + self.up(self.lateral32(s32)))
        up8 = self.sum8(s8 + self.up(self.lateral16(up16)))
        return depth_to_space2(self.head(self.merge8(up8)))

    @staticmethod
    def up(x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


class Refiner(nn.Module):
    """What a candidate is worth and where its edges are, from a window around it: [N, 5] = logit, then l, t, r, b of the window.

    `deep` has twice the work: a hand or the back of a head is told from a face by more than where it is dark.
    """

    def __init__(self, rows: int, columns: int, deep: bool = False):
        super().__init__()
        more = range(deep)
        self.body = nn.Sequential(
            Conv(1, 16, stride=2),
            Conv(16, 32, stride=2),
            *(Residual(32, still=True) for _ in more),
            Conv(32, 64, stride=2),
            Residual(64),
            *(Residual(64, still=True) for _ in more),
            Conv(64, 96, stride=2),
            Residual(96),
            *(Residual(96, still=True) for _ in more),
            Conv(96, 128, kernel=(rows // 16, columns // 16), pad=(0, 0), fine=True),  # the whole window at once
        )
        self.drop = nn.Dropout(0.1)
        self.head = Head(128, 5)
        with torch.no_grad():
            self.head.conv.weight.mul_(0.1)
            self.head.conv.bias.copy_(torch.tensor([0.0, 0.25, 0.25, 0.75, 0.75]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.body(x)))


class Reader(nn.Module):
    """Plate text on a 48×144 crop: logits [N, 37, 2 rows, 36 columns] for connectionist temporal classification."""

    def __init__(self, symbols: int = 37):
        super().__init__()
        self.body = nn.Sequential(
            Conv(1, 16, stride=2),  # 24×72
            Conv(16, 32, stride=(2, 1)),  # 12×72
            Conv(32, 32, stride=(1, 2)),  # 12×36
            Residual(32),
            Residual(32, still=True),
            Conv(32, 64, stride=(2, 1)),  # 6×36
            Residual(64),
            Residual(64, still=True),
            Conv(64, 96, stride=(3, 1), pad=(0, 1)),  # 2×36
            Residual(96),
            # Neighbours three characters away: whether a round one is O or 0, a straight one I or 1, is told by the pattern.
            Residual(96, kernel=(1, 9), still=True),
            Residual(96, kernel=(1, 9), still=True, fine=True),
        )
        self.drop = nn.Dropout2d(0.1)
        self.head = Head(96, symbols)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.body(x)))


def macs(net: nn.Module, x: Tensor) -> int:
    """Multiply-accumulates of one forward pass."""
    total = 0

    def count(module, _, out):
        nonlocal total
        kernel = module.kernel_size[0] * module.kernel_size[1] * module.in_channels // module.groups
        total += kernel * out.numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net.eval()(x)
    for hook in hooks:
        hook.remove()
    return total
