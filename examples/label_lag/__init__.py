"""Two weeks of a digit reader whose labels come days late: what is known of it without labels, and what only with them."""
