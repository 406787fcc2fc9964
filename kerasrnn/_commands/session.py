"""One picture of one model: what the commands below `kerasrnn viz` have in common."""

import contextlib
import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from kerasrnn._commands.models import DEFAULT_MODEL, load_task, names_model
from kerasrnn._commands.picture import Picture
from kerasrnn._terminal import import_keras, read_stdin


class Session(Picture):
    """One picture of one model: checks what can be checked, loads the model, captures, writes.

    Attributes:
        row: the row of the batch to draw.
        task: the task of a trained model; None for a `.keras` file.
        observed: what the task gives to repeat its own prediction; None for a `.keras` file.
        vocabulary: what the numbers that a `.keras` file's model reads are called; None for a trained model.
        load_options: how `user_model.load_model` is to load a `.keras` file.
    """

    def __init__(
        self,
        *,
        model: str | None,
        layer: str | None,
        text: str | None = None,
        input_: Path | None = None,
        row: int = 0,
        tokens: tuple[int, int | None] | None = None,
        target: str | None = None,
        imports: tuple[str, ...] = (),
        unsafe: bool = False,
        vocabulary: tuple[str, ...] = (),
        runs: bool = True,
        **picture: Any,
    ) -> None:
        super().__init__(**picture)
        if runs and model is not None and text is None and input_ is None and not names_model(model):
            model, text = None, model  # one word that is no model is what the default model should read
        self.layer, self.row, self._window = layer, row, tokens
        self.task: Any = None
        self.observed: Any = None
        self.vocabulary: Any = None
        self.inputs: Any = None
        self.targets: Any = None
        name = model or DEFAULT_MODEL
        self.load_options: dict[str, Any] = {"imports": imports, "unsafe": unsafe}
        if name.endswith(".keras"):
            self._take_keras(Path(name), input_, text, target, vocabulary, runs)
            return
        if imports or unsafe or vocabulary:
            raise click.UsageError(f"--import, --unsafe and --vocabulary are for .keras files; {name} needs none.")
        if input_ is not None:
            raise click.UsageError(f"--input is for .keras files; {name} reads TEXT.")
        self.task = load_task(name)
        self.model = self.task.model
        if not runs:
            return
        text = read_stdin().strip() if text == "-" else self.task.card["example"] if text is None else text
        self.observed = self.task.observe([text], None if target is None else [target])
        self.inputs = self.observed.inputs
        if target is not None:
            self.targets = self.observed.targets

    def _take_keras(
        self,
        path: Path,
        input_: Path | None,
        text: str | None,
        target: str | None,
        vocabulary: tuple[str, ...],
        runs: bool,
    ) -> None:
        """A `.keras` file and a batch: all that can be wrong with them is said before Keras is imported."""
        from kerasrnn.viz import user_model

        targets = _number_or_array(target)
        user_model.check_model_file(path)
        if text is not None:
            raise click.UsageError(f"{path} has no text handling of its own: give its input with --input batch.npy.")
        if input_ is None and runs:
            raise click.UsageError(f"{path} takes arrays: give a batch with --input batch.npy.")
        arrays = None if input_ is None else user_model.read_arrays(input_)
        tables = _tables(vocabulary)
        import_keras()
        self.model = user_model.load_model(path, **self.load_options)
        for weight in user_model.broken_weights(self.model):
            self.say(f"{path}: the weight {weight} has values that are NaN or infinite")
        if arrays is None:
            return
        from kerasrnn.viz.vocabulary import Vocabulary

        self.inputs = user_model.in_order(arrays, self.model)
        self.vocabulary = Vocabulary(self.model, tables)
        if unknown := self.vocabulary.unknown(self.inputs):
            self.say(f"{unknown} of the ids are not in the vocabulary: they are shown as numbers")
        self.targets = user_model.repeated(targets, self.inputs) if isinstance(targets, float) else targets

    def find(self, how: Callable[..., Any], *inputs: Any, layer: str | None = None, **options: Any) -> Any:
        """What `how` finds in the model, which may run on `inputs`."""
        from kerasrnn.viz.user_model import advice_on, fails_alone, failures_of_a_run, reason_of

        try:
            with self._warned():
                found = how(self.model, *inputs, layer=layer or self.layer, **options)
        except ValueError as error:
            raise ValueError(reason_of(error)) from error
        except failures_of_a_run() as error:
            said = f"the model cannot be drawn with this input: {reason_of(error)}{advice_on(error)}"
            raise ValueError(said) from error
        except (TypeError, LookupError, AttributeError) as error:
            own = fails_alone(self.model, self.inputs) if self.task is None and inputs else None
            if own is None:
                raise
            raise ValueError(f"the model does not run on this input: {type(own).__name__}: {reason_of(own)}") from error
        if found.note and not self.is_page:  # a page has the other layers too
            self.say(found.note)
        return found

    @contextlib.contextmanager
    def _warned(self) -> Iterator[None]:
        """What a model warns of while it runs, each once and on a line; not that one step has all of the attention."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("ignore", message="You are using a softmax over axis")
            yield
        for text in dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught):
            self.say(f"warning: {text}")

    def only_row(self) -> None:
        """Leave only the row to be drawn in the batch, where each row costs and the model takes any number of them."""
        from kerasrnn.viz.capture.entry import takes_any_batch
        from kerasrnn.viz.user_model import one_row

        if self.observed is None and takes_any_batch(self.model):
            self.inputs, self.targets = (one_row(part, self.row) for part in (self.inputs, self.targets))
            self.row = 0

    def capture(
        self, how: Callable[..., Any], *, along: bool | Callable[..., Any] = True, written: bool = False, **options: Any
    ) -> Any:
        """Run the model under observation.

        Args:
            how: the function that captures.
            along: whether the tokens of the layer go with the arrays; or a function from the task's observation and
                the capture to the tokens of its axes by name.
            written: whether the capture's steps are those of the model's output, not of the layer.
            options: what else `how` takes.
        """
        from kerasrnn.viz.fonts import missing_scripts

        captured = self.find(how, self.inputs, **options)
        if self.row >= len(captured.mask):
            raise click.UsageError(f"--row {self.row}: the batch has {len(captured.mask)} rows, numbered from 0.")
        if self.observed is not None and along:
            named = along(self.observed, captured) if callable(along) else self._along(captured)
            captured = dataclasses.replace(captured, **named)
        if self.vocabulary is not None and along:
            captured = dataclasses.replace(captured, **self.vocabulary.named(captured, self.inputs, written))
        if self._window is not None:
            captured = self._windowed(captured)
        for key, count in captured.not_numbers().items():
            self.say(f"{key}: {count} values are NaN or infinite")
        tokens = [token for rows in (captured.tokens, captured.source_tokens) if rows for token in rows[self.row]]
        for script in missing_scripts(tokens):
            self.say(f"no font here has {script}: install one that has to see it drawn")
        return captured

    @staticmethod
    def names(captured: Any, tokens: list[list[str]]) -> list[list[str]] | None:
        """Tokens as the names of a capture's steps; None where they name something else."""
        fit = not captured.folded and all(len(row) <= captured.mask.shape[1] for row in tokens)
        return tokens if fit else None

    def others(self, how: Callable[..., Any], first: Any, names: list[str]) -> list[Any]:
        """The capture that was taken and one of each other of these layers that runs, in the order of the names.

        Only the first where a layer was asked for, or steps, which other layers need not have.
        """
        if self.layer is not None or self._window is not None:
            return [first]
        found = {first.layer: first}
        for name in names:
            if name not in found:
                try:
                    other = self.capture(how, layer=name)
                except ValueError as error:
                    self.say(f"layer {name} is left out: {error}")
                    continue
                if other.folded == first.folded:
                    found[name] = other
                else:
                    self.say(f"layer {name} is left out: its {len(other.mask)} rows are not those of {first.layer}")
        order = {name: number for number, name in enumerate(names)}
        return sorted(found.values(), key=lambda capture: order.get(capture.layer, -1))

    def _along(self, captured: Any) -> dict[str, Any]:
        named = {"tokens": self.names(captured, self.observed.along(captured.layer))}
        return named if captured.source_mask is None else named | {"source_tokens": self.observed.source_tokens}

    def _windowed(self, captured: Any) -> Any:
        start, stop = self._window or (0, None)
        steps = captured.mask.shape[1]
        if start >= steps or (stop or 0) > steps:
            asked = f"{start}:{'' if stop is None else stop}"
            raise click.UsageError(f"--tokens {asked}: {captured.layer} has {steps} steps, so choose within 0:{steps}.")
        return captured.window(start, steps if stop is None else stop)

    def title(self, what: str) -> str:
        """The title of the picture: what was read and answered, and how sure the model was."""
        if self.wanted_title is not None:
            return self.wanted_title
        if self.observed is None:
            return what
        prediction = self.observed.predictions[0]
        sure = "" if prediction.confidence is None else f"  ({_percent(prediction.confidence)})"
        return f"{prediction.read}  →  {prediction.text}{sure}" if prediction.text else prediction.read

    def answer(self) -> dict[str, Any]:
        if self.observed is None:
            return {}
        prediction = self.observed.predictions[0]
        return {"prediction": prediction.text, "confidence": prediction.confidence}


def _percent(share: float) -> str:
    """A share that is not quite one is not called 100 %, nor one above none 0 %; in one piece, wherever a line ends."""
    if 0 < share < 0.0005:
        return "<\u00a00.1\u00a0%"
    return ">\u00a099.9\u00a0%" if 0.9995 <= share < 1 else f"{100 * share:.1f}\u00a0%"


def _tables(given: tuple[str, ...]) -> dict[str, Any]:
    """The vocabularies in `FILE` or `INPUT=FILE`, by the name of the input; "" for those of all."""
    from kerasrnn.viz.vocabulary import read_vocabulary

    found = {}
    for each in given:
        name, equals, path = each.partition("=")
        whole = not equals or Path(each).exists()
        found["" if whole else name] = read_vocabulary(Path(each if whole else path))
    return found


def _number_or_array(target: str | None) -> Any:
    if target is None:
        return None
    if target.endswith(".npy"):
        from kerasrnn.viz.user_model import read_arrays

        return read_arrays(Path(target))
    try:
        number = float(target)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.BadParameter(f"'{target}' is neither a number nor an .npy file.", param_hint="--target")
    return number
