"""Settings for all tests."""

from __future__ import annotations

import sys
from pathlib import Path

# Test modules share `books.py`, and families their `contract.py`.
sys.path.insert(0, str(Path(__file__).parent))
