"""The dialect as servers speak it: requests written, answers read."""
