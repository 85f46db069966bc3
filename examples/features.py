"""What the churn notebook knows about customers: kept in a file, because other notebooks use it too."""

import pandas as pd

DAYS_A_MONTH = 30.44


def months_between(since: pd.Series, today: str) -> pd.Series:
    """Count the months from each date to `today`."""
    return (pd.Timestamp(today) - since).dt.days / DAYS_A_MONTH


def advise(risk: float) -> str:
    """Say what to do about a customer with this risk of leaving."""
    if risk >= 0.6:
        return "call today"
    return "send an offer" if risk >= 0.4 else "leave in peace"
