"""The two nets. Only layers that FORMAT.md knows; every convolution is followed by a batch norm that export folds."""

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm, optionally ReLU."""

    def __init__(self, cin: int, cout: int, kernel=3, stride=1, pad=None, relu: bool = True):
        super().__init__()
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        stride = (stride, stride) if isinstance(stride, int) else stride
        pad = (kernel[0] // 2, kernel[1] // 2) if pad is None else pad
        self.conv = nn.Conv2d(cin, cout, kernel, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(cout, eps=1e-4, momentum=0.03)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return torch.relu(x) if self.relu else x


class Residual(nn.Module):
    """One convolution beside the identity; a ReLU after the sum. `still` begins as the identity."""

    def __init__(self, channels: int, kernel=3, still: bool = False):
        super().__init__()
        self.body = Conv(channels, channels, kernel, relu=False)
        if still:
            nn.init.zeros_(self.body.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


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
        self.down32 = nn.Sequential(Conv(c16, c32, stride=2), Residual(c32), Residual(c32), Residual(c32, still=True), Residual(c32, still=True))
        self.lateral32 = Conv(c32, c16, kernel=1, relu=False)
        self.lateral16 = Conv(c16, c8, kernel=1, relu=False)
        self.merge8 = Conv(c8, 48)
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
        up16 = torch.relu(s16 + self.up(self.lateral32(s32)))
        up8 = torch.relu(s8 + self.up(self.lateral16(up16)))
        return depth_to_space2(self.head(self.merge8(up8)))

    @staticmethod
    def up(x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


class Refiner(nn.Module):
    """What a candidate is worth and where its edges are, from a window around it: [N, 5] = logit, then l, t, r, b of the window."""

    def __init__(self, rows: int, columns: int):
        super().__init__()
        self.body = nn.Sequential(
            Conv(1, 16, stride=2),
            Conv(16, 32, stride=2),
            Conv(32, 64, stride=2),
            Residual(64),
            Conv(64, 96, stride=2),
            Residual(96),
            Conv(96, 128, kernel=(rows // 16, columns // 16), pad=(0, 0)),  # the whole window at once
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
            Residual(96, kernel=(1, 9), still=True),
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
