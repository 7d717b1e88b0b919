"""One construct for each concern; the stacks compose them."""
