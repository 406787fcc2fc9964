"""Recurrent layers, their cells, and attention. Drop-in for `keras.layers`, with gates and alignments out."""

from kerasrnn.layers.attention_decoder import AttentionDecoder
from kerasrnn.layers.attention_pooling import AttentionPooling
from kerasrnn.layers.bahdanau_attention import BahdanauAttention, coverage_loss
from kerasrnn.layers.base_attention import BaseAttention, Memory
from kerasrnn.layers.bidirectional import Bidirectional
from kerasrnn.layers.coupled_lstm import CoupledLSTM, CoupledLSTMCell
from kerasrnn.layers.crf import CRF
from kerasrnn.layers.crf_decoder import CRFDecoder
from kerasrnn.layers.esn import ESN, ESNCell
from kerasrnn.layers.gated_cell import GatedCell
from kerasrnn.layers.gru import GRU, GRUCell
from kerasrnn.layers.hashed_pairs import HashedPairs
from kerasrnn.layers.ind_rnn import IndRNN, IndRNNCell
from kerasrnn.layers.layer_norm_gru import LayerNormGRU, LayerNormGRUCell
from kerasrnn.layers.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from kerasrnn.layers.layer_norm_simple_rnn import LayerNormSimpleRNN, LayerNormSimpleRNNCell
from kerasrnn.layers.location_attention import LocationAttention
from kerasrnn.layers.lstm import LSTM, LSTMCell
from kerasrnn.layers.luong_attention import LuongAttention
from kerasrnn.layers.min_gru import MinGRU, MinGRUCell
from kerasrnn.layers.min_lstm import MinLSTM, MinLSTMCell
from kerasrnn.layers.monotonic_attention import MonotonicAttention
from kerasrnn.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from kerasrnn.layers.recurrent_layer import RecurrentLayer
from kerasrnn.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from kerasrnn.layers.spelled_words import SpelledWords
from kerasrnn.layers.tied_dense import TiedDense
from kerasrnn.layers.trace import traced_step

__all__ = [
    "CRF",
    "ESN",
    "GRU",
    "LSTM",
    "AttentionDecoder",
    "AttentionPooling",
    "BahdanauAttention",
    "BaseAttention",
    "Bidirectional",
    "CRFDecoder",
    "CoupledLSTM",
    "CoupledLSTMCell",
    "ESNCell",
    "GRUCell",
    "GatedCell",
    "HashedPairs",
    "IndRNN",
    "IndRNNCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNN",
    "LayerNormSimpleRNNCell",
    "LocationAttention",
    "LuongAttention",
    "Memory",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "MonotonicAttention",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "RecurrentLayer",
    "SimpleRNN",
    "SimpleRNNCell",
    "SpelledWords",
    "TiedDense",
    "coverage_loss",
    "traced_step",
]
