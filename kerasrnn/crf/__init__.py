"""Linear-chain conditional random fields: scores of tag sequences, their probabilities, and the best of them.

Pure functions of a chain: `emissions (b, t, n)`, `transitions (n, n)` from row to column, `start (n,)`, `end (n,)` and
`mask (b, t)`, with n tags. `kerasrnn.layers.CRF` has the parameters, and hands on a chain packed in one tensor, which
`CRFLoss`, `CRFAccuracy`, `layers.CRFDecoder` and `unpack` read.
"""

from kerasrnn.crf.accuracy import CRFAccuracy
from kerasrnn.crf.best import NBest, Viterbi, n_best, viterbi
from kerasrnn.crf.chain import Chain, pack, unpack
from kerasrnn.crf.likelihood import log_likelihood, log_partition, marginals, sequence_score
from kerasrnn.crf.loss import CRFLoss
from kerasrnn.crf.schemes import Constraints, bilou_constraints, bio_constraints, bioes_constraints, iob1_constraints

__all__ = [
    "CRFAccuracy",
    "CRFLoss",
    "Chain",
    "Constraints",
    "NBest",
    "Viterbi",
    "bilou_constraints",
    "bio_constraints",
    "bioes_constraints",
    "iob1_constraints",
    "log_likelihood",
    "log_partition",
    "marginals",
    "n_best",
    "pack",
    "sequence_score",
    "unpack",
    "viterbi",
]
