"""The dialect as servers of providers speak it: requests written, answers read."""
