"""Which rows an answer owes: scores by gradient influence and matching spans, shares, evidence."""
