"""Pure rules: the calendar, pools, and the evaluator that says yes or why not."""
