"""Services on this machine: a small supervisor holds each listening socket and hands it to worker processes."""
