"""What the program says about itself: log lines and the access log."""
