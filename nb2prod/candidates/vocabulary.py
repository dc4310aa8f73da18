"""Vocabulary: the words by which notebooks fit models, ask them, judge them and give them on."""

from __future__ import annotations

import re

# They fit copies of the model, so the rows they are given judge nothing.
REFITS = re.compile(r"cross_val|learning_curve|validation_curve|permutation_test|clone")
ASKS = {"predict": 0, "score": 0, "predict_proba": 2, "decision_function": 2, "forecast": 0, "get_forecast": 1}
TABLES = frozenset({"DMatrix", "QuantileDMatrix", "Dataset", "Pool"})  # rows and labels in one, as boosters want them
# What turns a model into a graph, which is what answers then.
EXPORTS = re.compile(r"onnx|\bconvert_\w+|jit\.(script|trace)", re.IGNORECASE)
JUDGES = re.compile(r"eval|report|scor|metric|assess|measure|valid|test")  # functions of a notebook's own
# Of boosters: how many of the trees answer.
OPTIONS = frozenset({"iteration_range", "num_iteration", "start_iteration"})
LOADS = frozenset({"load", "loads", "read_pickle", "load_model"})
WRAPS = frozenset({"enumerate", "tqdm", "trange", "track"})  # around what is looped over
CHOOSES = frozenset({"max", "min", "next", "get", "pop"})  # one of several
OTHERS = ("test", "valid", "val", "held", "holdout")  # what the other part of `X_train` is called
AHEAD = frozenset({"forecast", "get_forecast"})
# What they make of a model's answers is an answer still: classes of logits, numbers of tensors.
READS = re.compile(
    r"argmax|softmax|sigmoid|expit|round|where|exp|array|asarray|ravel|squeeze|reshape|flatten|to_numpy|numpy|detach|cpu|"
    r"astype|float|int|long|bool|item|tolist|clip|predicted_mean|values|sort|topk|expm1|exp2|square"
)
