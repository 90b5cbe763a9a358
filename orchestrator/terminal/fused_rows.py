"""The rows of a plan on stages that are trained together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orchestrator.graph.plan import Plan
from orchestrator.stages.siblings import explain_unfused, fusible_parts, max_siblings, sibling_key


def fused_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the number of the stages left that are fused, and the reasons that others are not."""
    if plan.sweep.resources.fuse == "off":
        return
    stages = [
        plan.orders[key].stages[0] for key in plan.stages_to_compute if plan.links[key] is not None
    ]
    keys = Counter(key for stage in stages if (key := sibling_key(stage)) is not None)
    most = max((max_siblings(stage.training) for stage in stages), default=0)
    largest = min(max(keys.values(), default=0), most)
    yield "stages to be fused", f"{keys.total()}, up to {largest} at a time" if keys else "0"
    reasons = Counter(why for stage in stages if (why := explain_unfused(*fusible_parts(stage))))
    for reason, count in reasons.items():
        yield "stages not fused", f"{count}: {reason}"
