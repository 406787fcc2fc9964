"""A training run as its log tells it: loss, saturation, gradient norms, clipping, over the steps."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kerasrnn.viz.figures.bptt import norm_scale, power
from kerasrnn.viz.figures.layout import Page, Size, fitted, inches, root_of, scale_beside, wanted_size
from kerasrnn.viz.figures.style import TEXT_SIZE, Title, styled, text_size
from kerasrnn.viz.figures.themes import look
from kerasrnn.viz.fonts import drawable, fonts_for
from kerasrnn.viz.tokens import label, visible
from kerasrnn.viz.training_log import Series

_WIDE, _HIGH, _LEFT, _LEGEND, _GAP_Y, _TOP = 3.7, 1.45, 0.72, 1.62, 0.62, 0.32  # inches
_MOST = 8  # lines of a panel
_SMALL = TEXT_SIZE - 2
_CLOCK = ("step", "epoch", "seconds")
_DECADES = 5


class _Panel(NamedTuple):
    """What one pair of axes shows: `scale` is `linear`, `share` (0 to 1), `log`, or `heat` for values (n, t)."""

    caption: str
    scale: str
    lines: dict[str, Series]


@styled
def training_curves(
    log: Mapping[str, Series],
    *,
    title: str | None = None,
    theme: str = "light",
    size: Size | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a log of a training, one panel a kind of figure, over the steps.

    Losses are linear, shares (saturation, stuck gates, dead units, clipping, metrics within 0 and 1) run from 0 to 1,
    gradient norms are logarithmic; norms by the step of the sequence are a map, dark where the gradient has vanished.
    Where a number was not finite the line has a gap, and a cross below it.

    Args:
        log: series by key, as `read_log` gives them.
        title: a line above; lines too long are wrapped.
        theme: `light`, `dark` or `print`.
        size: inches, width and height; by default what the panels need.
        ax: axes to draw on, in place of a new figure; `size` is then theirs. A single panel takes them, several share
            their place.

    Returns:
        The figure.

    Raises:
        ValueError: nothing to draw; an unknown theme; a size too small.
    """
    wanted = wanted_size(size, ax)
    panels = list(_panels(log))
    if not panels:
        raise ValueError(f"log: expected series of numbers beside the clock's, received {', '.join(log) or 'none'}")
    if ax is not None and len(panels) == 1:
        _draw(ax, panels[0])
        Title(title, inches(ax)[0]).above(ax, 0.3)
        return root_of(ax)
    across = 1 if len(panels) < 3 else 2
    down = -(-len(panels) // across)
    pitch_gap = _LEFT + _LEGEND
    wide = fitted(_WIDE, wanted[0], _LEFT + _LEGEND, across, pitch_gap)
    plot_wide = across * wide + (across - 1) * pitch_gap
    heading = Title(title, plot_wide)
    top = 0.2 + heading.height + _TOP
    high = fitted(_HIGH, wanted[1], top + 0.5, down, _GAP_Y)
    full = wanted[0] or max(plot_wide + _LEFT + _LEGEND, heading.width + 0.44)
    page = Page(full, top + down * high + (down - 1) * _GAP_Y + 0.5, ax)
    span = _span(panels)
    for number, panel in enumerate(panels):
        column, row = number % across, number // across
        axes = page.axes(_LEFT + column * (wide + pitch_gap), top + row * (high + _GAP_Y), wide, high)
        _draw(axes, panel, span)
        if number + across >= len(panels):
            axes.set_xlabel("training step", size=_SMALL, labelpad=2)
    heading.put(page.figure, 0.22, 0.2)
    return root_of(page.figure)


def _panels(log: Mapping[str, Series]) -> Iterator[_Panel]:
    flat = {key: series for key, series in log.items() if series.values.ndim == 1 and key not in _CLOCK}
    losses = {key: flat.pop(key) for key in list(flat) if key == "loss" or key.endswith("_loss")}
    if losses:
        yield _Panel("loss", "linear", losses)
    metrics = {key: series for key, series in flat.items() if "/" not in key and _kind(key) == "metric"}
    shares = {key: series for key, series in metrics.items() if _within_one(series)}
    if shares:
        yield _Panel("metrics", "share", shares)
    for key in metrics.keys() - shares.keys():
        yield _Panel(key, "linear", {key: metrics[key]})
    for layer, group in _by_layer(flat, "saturation", 2).items():
        lines = {}
        for key, series in group.items():
            gate, side = key.rsplit("/", 2)[-2:]
            lines[f"{gate} {'< 0.1' if side == 'below' else '> 0.9'}"] = series
        yield _Panel(f"gates saturated: {layer}", "share", lines)
    idle = {f"dead: {key[5:]}": series for key, series in flat.items() if key.startswith("dead/")}
    idle |= {f"stuck: {key[6:]}": series for key, series in flat.items() if key.startswith("stuck/")}
    if idle:
        yield _Panel("units dead, gates stuck", "share", idle)
    norms = {key: series for key, series in flat.items() if key == "gradient_norm" or key == "gradient_norm/largest"}
    if norms:
        named = {"mean" if key == "gradient_norm" else "largest": series for key, series in norms.items()}
        yield _Panel("gradient norm, all weights", "log", named)
    single = {key[14:]: s for key, s in flat.items() if key.startswith("gradient_norm/") and key not in norms}
    if single:
        yield _Panel("gradient norm by weight", "log", single)
    for layer, group in _by_layer(flat, "gate_gradient", 2).items():
        lines = {"/".join(key.rsplit("/", 2)[-2:]): series for key, series in group.items() if "kernel" in key}
        if lines:
            yield _Panel(f"gradient norm by gate: {layer}", "log", lines)
    for key, series in log.items():
        if series.values.ndim == 2:
            yield _Panel(f"gradient norm by step: {key.partition('/')[2] or key}", "heat", {key: series})
    horizons = {key[8:]: series for key, series in flat.items() if key.startswith("horizon/")}
    if horizons:
        yield _Panel("horizon, steps", "linear", horizons)
    if "clip_fraction" in flat:
        yield _Panel("share of updates clipped", "share", {"clip_fraction": flat["clip_fraction"]})
    if "nonfinite_gradients" in flat and flat["nonfinite_gradients"].values.any():
        yield _Panel("updates with a gradient not finite", "linear", {"count": flat["nonfinite_gradients"]})
    speeds = {key: series for key, series in flat.items() if key.endswith("_per_second")}
    for key, series in speeds.items():
        yield _Panel(key.replace("_", " "), "linear", {key: series})
    rest = {key: series for key, series in flat.items() if "/" in key and _kind(key) == "metric"}
    for prefix in dict.fromkeys(key.partition("/")[0] for key in rest):
        group = {key.partition("/")[2]: s for key, s in rest.items() if key.startswith(f"{prefix}/")}
        yield _Panel(prefix, "share" if all(map(_within_one, group.values())) else "linear", group)


_KNOWN = ("saturation", "dead", "stuck", "gradient_norm", "gate_gradient", "step_gradient", "horizon")


def _kind(key: str) -> str:
    own = ("clip_fraction", "nonfinite_gradients")
    return "known" if key.partition("/")[0] in _KNOWN or key in own or key.endswith("_per_second") else "metric"


def _within_one(series: Series) -> bool:
    finite = series.values[np.isfinite(series.values)]
    return bool(((finite >= 0) & (finite <= 1)).all())


def _by_layer(flat: Mapping[str, Series], prefix: str, after: int) -> dict[str, dict[str, Series]]:
    """The series `prefix/LAYER/…` by layer, which is all but the last `after` parts."""
    groups: dict[str, dict[str, Series]] = {}
    for key, series in flat.items():
        if key.startswith(f"{prefix}/"):
            parts = key.split("/")[1:]
            short = [number for number, part in enumerate(parts) if part in ("kernel", "recurrent_kernel", "bias")]
            layer = parts[: short[0]] if short else parts[:-after]
            groups.setdefault("/".join(layer) or parts[0], {})[key] = series
    return groups


def _span(panels: list[_Panel]) -> tuple[float, float]:
    steps = np.concatenate([series.steps for panel in panels for series in panel.lines.values()])
    low, high = float(steps.min()), float(steps.max())
    return (low, high) if low < high else (low - 1, high + 1)


def _draw(axes: Axes, panel: _Panel, span: tuple[float, float] | None = None) -> None:
    caption = label(panel.caption, 60)
    font: dict[str, Any] = {"family": fonts_for([caption]), "size": TEXT_SIZE - 0.5, "color": look().ink}
    axes.set_title(drawable(caption), loc="left", pad=4, parse_math=False, **font)
    axes.tick_params(labelsize=_SMALL, length=2)
    low, high = span or _span([panel])
    if panel.scale == "heat":
        _heat(axes, next(iter(panel.lines.values())), (low, high))
        return
    lines, left_out = _most_telling(panel.lines)
    for number, (_, series) in enumerate(lines.items()):
        style = _style(number)
        positive = np.where(series.values > 0, series.values, np.nan) if panel.scale == "log" else series.values
        one = len(series.steps) == 1
        dots: dict[str, Any] = {"marker": "o", "markersize": 3} if one or len(series.steps) <= 12 else {}
        axes.plot(series.steps, positive, linewidth=1.3, **style, **dots)
        broken = series.steps[~np.isfinite(series.values)]
        axes.plot(broken, np.full(len(broken), 0.03), "x", transform=axes.get_xaxis_transform(), markersize=5,
                  color=look().bad, clip_on=False)  # fmt: skip
    if panel.scale == "log":
        values = np.concatenate([series.values for series in lines.values()])
        norm_scale(axes, values[np.isfinite(values) & (values > 0)], broken=not np.isfinite(values).all())
        axes.set_ylabel("")
        axes.tick_params(axis="y", labelsize=_SMALL)
    else:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=look().grid, linewidth=0.6)
        axes.set_axisbelow(True)
        if panel.scale == "share":
            axes.set_ylim(-0.02, 1.02)
            axes.set_yticks([0, 0.5, 1])
    margin = 0.01 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _legend(axes, list(lines), left_out)


def _style(number: int) -> dict[str, Any]:
    """Colour and dashes of a line; beyond the colours there are, dashes tell them apart."""
    colours, dashes = look().lines, (*look().dashes, (0, (4, 1.5)), (0, (1.5, 1)))
    if len(look().dashes) > 1:
        return look().line(number)
    return {"color": colours[number % len(colours)], "linestyle": dashes[number // len(colours) % len(dashes)]}


def _most_telling(lines: Mapping[str, Series]) -> tuple[dict[str, Series], int]:
    """The lines that a panel has room for: those that differ most from zero over the run, in their order."""
    sizes = {}
    for name, series in lines.items():
        finite = np.abs(series.values[np.isfinite(series.values)])
        sizes[name] = float(finite.max(initial=0.0))
    chosen = set(sorted(sizes, key=lambda name: -sizes[name])[:_MOST])
    return {name: series for name, series in lines.items() if name in chosen}, len(lines) - len(chosen)


def _legend(axes: Axes, names: list[str], left_out: int) -> None:
    wide, high = inches(axes)
    if len(names) == 1 and not left_out and names[0].replace("_", " ") in axes.get_title(loc="left"):
        return
    texts = [_cut(visible(name).replace("recurrent_kernel", "recurrent")) for name in names]
    families = fonts_for(texts)
    pitch = min(0.17, (high + 0.1) / (len(texts) + bool(left_out)))
    for row, text in enumerate(texts):
        y = 1 - (row + 0.5) * pitch / high
        axes.plot([1 + 0.06 / wide, 1 + 0.24 / wide], [y, y], transform=axes.transAxes, clip_on=False, linewidth=1.6,
                  **_style(row))  # fmt: skip
        font: dict[str, Any] = {"family": families, "size": _SMALL, "color": look().ink, "va": "center"}
        axes.text(1 + 0.29 / wide, y, drawable(text), transform=axes.transAxes, parse_math=False, **font)
    if left_out:
        y = 1 - (len(texts) + 0.5) * pitch / high
        font = {"size": _SMALL, "color": look().quiet, "va": "center"}
        axes.text(1 + 0.06 / wide, y, f"and {left_out} smaller", transform=axes.transAxes, **font)


def _cut(text: str) -> str:
    """A name in the room beside a panel: its end tells more than its beginning."""
    families = fonts_for([text])
    if text_size(text, families, _SMALL)[0] <= _LEGEND - 0.42:
        return text
    while len(text) > 4 and text_size("…" + text, families, _SMALL)[0] > _LEGEND - 0.42:
        text = text[1:]
    return "…" + text


def _heat(axes: Axes, series: Series, span: tuple[float, float]) -> None:
    values = series.values
    positive = values[np.isfinite(values) & (values > 0)]
    high = float(positive.max()) if positive.size else 1.0
    low = max(float(positive.min()), high * 10.0**-_DECADES) if positive.size else 0.1
    middles = (series.steps[1:] + series.steps[:-1]) / 2
    edges = np.concatenate([[min(span[0], series.steps[0] - 0.5)], middles, [max(span[1], series.steps[-1] + 0.5)]])
    shown = np.ma.masked_invalid(np.where(values == 0, low, values))
    norm = LogNorm(min(low, high / 1.0001), high, clip=True)
    image = axes.pcolormesh(edges, np.arange(values.shape[1] + 1) - 0.5, shown.T, norm=norm, cmap=look().map(),
                            rasterized=True)  # fmt: skip
    axes.set(xlim=span, ylim=(-0.5, values.shape[1] - 0.5))
    axes.set_ylabel("step of the sequence", size=_SMALL, labelpad=2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.spines[:].set_visible(False)
    exponents = range(int(np.ceil(np.log10(low))), int(np.floor(np.log10(high))) + 1)
    ticks = [10.0**exponent for exponent in exponents] or [high]
    bar = scale_beside(axes, image, ticks, [power(tick) if exponents else f"{tick:.2g}" for tick in ticks], size=_SMALL)
    bar.ax.minorticks_off()
