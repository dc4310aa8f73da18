"""Plain BentoML: a service as its documentation writes it, with a DataFrame."""

import pickle
from pathlib import Path

import bentoml
import pandas as pd

with (Path(__file__).parent / "model.pkl").open("rb") as file:
    model = pickle.load(file)


@bentoml.service(workers=1)
class PlainBento:
    """Predicts."""

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> list[dict]:
        """Answer each row with its class and its probabilities."""
        chances = model.predict_proba(rows)
        classes = model.predict(rows)
        return [
            {"prediction": c, "probabilities": dict(zip(model.classes_, p, strict=True))}
            for c, p in zip(classes.tolist(), chances.tolist(), strict=True)
        ]
