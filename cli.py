"""The command line: words in, files out. It parses, calls and reports; maths and drawing are elsewhere.

Nothing heavy is imported before a command runs: `--help`, `--version` and completion load neither TensorFlow nor
Matplotlib.
"""

import click

from kerasrnn import __version__
from kerasrnn._commands.evaluate import evaluate
from kerasrnn._commands.export import export
from kerasrnn._commands.predict import predict
from kerasrnn._commands.train import train
from kerasrnn._commands.viz_attention import attention
from kerasrnn._commands.viz_beam import beam
from kerasrnn._commands.viz_diff import diff
from kerasrnn._commands.viz_explore import explore
from kerasrnn._commands.viz_gates import gates
from kerasrnn._commands.viz_gradients import gradients
from kerasrnn._commands.viz_intervene import intervene
from kerasrnn._commands.viz_length import length
from kerasrnn._commands.viz_match import match
from kerasrnn._commands.viz_training import training
from kerasrnn._commands.viz_weights import weights
from kerasrnn._commands.zoo_card import zoo_card
from kerasrnn._commands.zoo_info import zoo_info
from kerasrnn._commands.zoo_list import zoo_list
from kerasrnn._commands.zoo_verify import zoo_verify
from kerasrnn._terminal import OneLineErrors


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def main() -> None:
    """Recurrent models you can see inside.

    Draw what a trained LSTM or GRU attends to, remembers and learns from: the models that come with kerasrnn, or
    your own .keras file. Start with: kerasrnn viz attention
    """


@main.group()
def viz() -> None:
    """Draw what a model does, to a PNG, SVG or PDF file, or to an interactive page."""


@main.group()
def zoo() -> None:
    """The trained models that come with kerasrnn."""


for command in (evaluate, export, predict, train):
    main.add_command(command)
for command in (attention, beam, diff, explore, gates, gradients, intervene, length, match, training, weights):
    viz.add_command(command)
for command in (zoo_card, zoo_info, zoo_list, zoo_verify):
    zoo.add_command(command)


if __name__ == "__main__":
    main(prog_name="kerasrnn")
