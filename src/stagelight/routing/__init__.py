"""Routing: which model answers, chosen by a bandit that learns from what became of its earlier choices.

Start at `registry.py` (the public function), then `router.py` (one choice, one batch), `held.py` (the policy in memory, kept
fresh), `homes.py` (where it is kept) and `teaching.py` (what a reward changes; pure). `policies/`, `estimate.py`, `export.py`
and `convergence.py` are arithmetic alone.
"""

from stagelight.routing.draining import Processed
from stagelight.routing.registry import get_rl_model_router, known, routers
from stagelight.routing.router import ModelRouter

__all__ = ["ModelRouter", "Processed", "get_rl_model_router", "known", "routers"]
