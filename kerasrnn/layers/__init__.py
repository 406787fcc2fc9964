"""Recurrent layers, their cells, and attention. Drop-in for `keras.layers`, with gates and alignments out."""

from kerasrnn.layers.attention_decoder import AttentionDecoder
from kerasrnn.layers.bahdanau_attention import BahdanauAttention, Memory
from kerasrnn.layers.bidirectional import Bidirectional
from kerasrnn.layers.gated_cell import GatedCell
from kerasrnn.layers.gru import GRU, GRUCell
from kerasrnn.layers.lstm import LSTM, LSTMCell
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from kerasrnn.layers.trace import traced_step

__all__ = [
    "GRU",
    "LSTM",
    "AttentionDecoder",
    "BahdanauAttention",
    "Bidirectional",
    "GRUCell",
    "GatedCell",
    "LSTMCell",
    "Memory",
    "RecurrentLayer",
    "SimpleRNN",
    "SimpleRNNCell",
    "traced_step",
]
