"""Recurrent layers and their cells by the name of the cell, as builders and other layers take it."""

from typing import Any

from kerasrnn.layers.coupled_lstm import CoupledLSTM, CoupledLSTMCell
from kerasrnn.layers.gru import GRU, GRUCell
from kerasrnn.layers.ind_rnn import IndRNN, IndRNNCell
from kerasrnn.layers.layer_norm_gru import LayerNormGRU, LayerNormGRUCell
from kerasrnn.layers.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from kerasrnn.layers.lstm import LSTM, LSTMCell
from kerasrnn.layers.min_gru import MinGRU, MinGRUCell
from kerasrnn.layers.min_lstm import MinLSTM, MinLSTMCell
from kerasrnn.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from kerasrnn.layers.simple_rnn import SimpleRNN, SimpleRNNCell

CELLS = {
    "lstm": (LSTM, LSTMCell),
    "gru": (GRU, GRUCell),
    "simple_rnn": (SimpleRNN, SimpleRNNCell),
    "layer_norm_lstm": (LayerNormLSTM, LayerNormLSTMCell),
    "layer_norm_gru": (LayerNormGRU, LayerNormGRUCell),
    "peephole_lstm": (PeepholeLSTM, PeepholeLSTMCell),
    "coupled_lstm": (CoupledLSTM, CoupledLSTMCell),
    "ind_rnn": (IndRNN, IndRNNCell),
    "min_gru": (MinGRU, MinGRUCell),
    "min_lstm": (MinLSTM, MinLSTMCell),
}


def classes_of(cell: str) -> tuple[Any, Any]:
    """The layer and the cell of that name; ValueError if there is none."""
    if cell not in CELLS:
        raise ValueError(f"`cell` must be one of {', '.join(CELLS)}; received {cell!r}.")
    return CELLS[cell]
