"""Save the service's model for MLflow's scoring server, with the signature that MLflow infers."""

import json
import pickle
import sys
from pathlib import Path

import mlflow
import pandas as pd

service, target = map(Path, sys.argv[1:])
sys.path.insert(0, str(service))
model = pickle.loads((service / "model.pkl").read_bytes())
example = pd.DataFrame([json.loads((service / "example.json").read_text())])
signature = mlflow.models.infer_signature(example, model.predict(example))
code = [str(path) for path in service.glob("*_code.py")]
mlflow.sklearn.save_model(
    model, target, signature=signature, code_paths=code, serialization_format="cloudpickle", pip_requirements=["mlflow"]
)
