"""Suggest: the stages that an untagged notebook seems to have."""

from nb2prod.suggest.proposals import Proposal, edits, suggest

__all__ = ["Proposal", "edits", "suggest"]
