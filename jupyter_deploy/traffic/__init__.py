"""Traffic rehearsed: a shape of traffic, or a recorded log, is played with golden calls, measured and reported."""
