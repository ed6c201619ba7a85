"""The streaming loop and what belongs to it."""

from seqfit.fitting.callbacks import Callback, StopFitting
from seqfit.fitting.checkpoint import CheckpointError
from seqfit.fitting.checkpoints import Checkpoints, load_latest
from seqfit.fitting.experiment import Experiment, from_toml, read_experiment, to_toml
from seqfit.fitting.fitter import Fitter
from seqfit.fitting.learner import DivergedError
from seqfit.fitting.optimizers import LevenbergMarquardt, TorchLearningRate, TorchOptimizer
from seqfit.fitting.predictor import Predictor
from seqfit.fitting.ranks import RankLostError, Ranks, joined
from seqfit.fitting.report import Report

__all__ = [
    "Callback",
    "CheckpointError",
    "Checkpoints",
    "DivergedError",
    "Experiment",
    "Fitter",
    "LevenbergMarquardt",
    "Predictor",
    "RankLostError",
    "Ranks",
    "Report",
    "StopFitting",
    "TorchLearningRate",
    "TorchOptimizer",
    "from_toml",
    "joined",
    "load_latest",
    "read_experiment",
    "to_toml",
]
