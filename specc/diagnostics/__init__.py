"""Diagnostics as data: findings about a spec, their fixes and conditions, and the exceptions with them.

Every phase makes findings; only `specc.report` makes text of them. Start at `finding`.
"""

from specc.diagnostics.finding import (
    NO_CONDITION,
    BudgetExceeded,
    BudgetUnsized,
    Clause,
    Code,
    Condition,
    Diagnostic,
    Edit,
    Fact,
    Fix,
    ImportFault,
    Label,
    MissingDependency,
    OptionError,
    ParityError,
    Safety,
    Severity,
    SpecError,
    Suggestion,
    UsageError,
    conjunction,
)

__all__ = [
    "NO_CONDITION",
    "BudgetExceeded",
    "BudgetUnsized",
    "Clause",
    "Code",
    "Condition",
    "Diagnostic",
    "Edit",
    "Fact",
    "Fix",
    "ImportFault",
    "Label",
    "MissingDependency",
    "OptionError",
    "ParityError",
    "Safety",
    "Severity",
    "SpecError",
    "Suggestion",
    "UsageError",
    "conjunction",
]
