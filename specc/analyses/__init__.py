"""What a checked network costs and sees: numbers only, from the operator contract alone."""

from specc.analyses.cost import Costs, StepCost

__all__ = ["Costs", "StepCost"]
